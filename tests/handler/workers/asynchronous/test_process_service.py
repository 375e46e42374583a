"""An asynchronous service in a process, and that process."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from handler.errors import ChildFailed
from handler.workers.asynchronous.process_service import AsyncProcessService
from tests.support.async_worker import HOLDS
from tests.support.one_version import WAIT_SECONDS, WorkerFixture, text_job

METERED = """
    class Handler:
        def initialize(self, context): pass
        async def handle(self, data, context):
            context.metrics.add_counter("Asked", 1, 0)
            print("asked for", data[0]["body"])
            return [data[0]["body"]]
"""


def test_answers_output_and_metrics_come_back(tmp_path: Path) -> None:
    metrics: list[Any] = []
    fixture = WorkerFixture(tmp_path / "m", METERED, asynchronous=True, metric_sink=lambda *each: metrics.append(each))
    finished, outcomes = threading.Event(), list[Any]()

    def finish(*outcome: Any) -> None:
        outcomes.append(outcome)
        finished.set()

    service = AsyncProcessService(fixture.spec(in_process=True), finish, print, print)
    service.load()
    assert service.pid != os.getpid()
    service.cancel(1)  # of a batch that is not there
    service.start(5, [text_job("a")], fixture.deliver)
    assert finished.wait(WAIT_SECONDS)
    service.close()
    assert [(number, output.body) for number, (output,) in outcomes] == [(5, b"a")]
    assert "asked for a" in fixture.lines
    assert {"Asked", "PredictionTime"} <= {name for name, *_ in metrics}


def test_a_failed_load_is_told_and_an_exit_too(tmp_path: Path) -> None:
    broken = WorkerFixture(tmp_path / "broken", "import missing_module", asynchronous=True)
    service = AsyncProcessService(broken.spec(in_process=True), print, print, print)
    with pytest.raises(ChildFailed):
        service.load()
    service.close()
    fixture, ended, statuses = WorkerFixture(tmp_path / "m", HOLDS, asynchronous=True), threading.Event(), list[int]()

    def end(status: int) -> None:
        statuses.append(status)
        ended.set()

    service = AsyncProcessService(fixture.spec(in_process=True), print, print, end)
    service.load()
    service.kill()
    assert ended.wait(WAIT_SECONDS)
    assert statuses == [137]
    service.close()
