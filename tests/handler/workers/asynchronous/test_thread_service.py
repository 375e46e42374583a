"""An asynchronous service on a thread of the server."""

import threading
from pathlib import Path
from typing import Any

import pytest

from handler.workers.asynchronous.thread_service import AsyncThreadService
from tests.support.async_worker import HOLDS
from tests.support.one_version import WAIT_SECONDS, WorkerFixture, text_job


def test_it_loads_serves_and_ends_on_one_thread(tmp_path: Path) -> None:
    fixture, finished = WorkerFixture(tmp_path / "m", HOLDS, asynchronous=True), threading.Event()
    outcomes: list[Any] = []

    def finish(*outcome: Any) -> None:
        outcomes.append((threading.current_thread().name, *outcome))
        finished.set()

    service = AsyncThreadService(fixture.spec(), finish, print, print)
    service.load()
    service.start(5, [text_job("echo a")], fixture.deliver)
    assert finished.wait(WAIT_SECONDS)
    service.close()
    ((name, number, (output,)),) = outcomes
    assert (name, number, output.body) == ("W-9000-m_1.0 event loop", 5, b"echo a")
    assert name not in {thread.name for thread in threading.enumerate()}


def test_what_the_load_raises_is_raised(tmp_path: Path) -> None:
    source = "class Broken:\n    async def initialize(self, context): raise KeyError('x')\n    def handle(self): ..."
    fixture = WorkerFixture(tmp_path / "m", source, asynchronous=True)
    service = AsyncThreadService(fixture.spec(), print, print, print)
    with pytest.raises(KeyError):
        service.load()
    service.close()
