"""The process of an asynchronous service: its event loop is that of its main thread, and the server ends it."""

import json
import threading
from pathlib import Path
from typing import Any

from handler.workers.asynchronous.process_service import AsyncProcessService
from tests.support.one_version import WAIT_SECONDS, WorkerFixture, text_job

THREADS = """
    import asyncio, json, threading
    class Handler:
        async def initialize(self, context):
            self.thread = threading.current_thread()
        async def handle(self, data, context):
            main = threading.main_thread()
            return [json.dumps([self.thread is main, threading.current_thread() is main])]
"""


def test_its_loop_is_the_main_threads_and_ends_with_the_server(tmp_path: Path) -> None:
    fixture, finished, outcomes = WorkerFixture(tmp_path, THREADS, asynchronous=True), threading.Event(), list[Any]()

    def finish(number: int, outputs: Any) -> None:
        outcomes.extend(outputs)
        finished.set()

    statuses: list[int] = []
    service = AsyncProcessService(fixture.spec(in_process=True), finish, print, statuses.append)
    service.load()
    service.start(0, [text_job("a")], fixture.deliver)
    assert finished.wait(WAIT_SECONDS)
    service.close()
    assert json.loads(outcomes[0].body) == [True, True]
    assert statuses == []  # it has ended by itself
