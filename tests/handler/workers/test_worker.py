"""A worker: it serves until it is stopped, and answers whatever happens to it."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from handler.batching.batcher import Batch
from handler.errors import LoadFailed, WorkerDied
from handler.job import JobOutcomes
from handler.workers.worker import Worker
from tests.support.load import until
from tests.support.one_version import WAIT_SECONDS, WorkerFixture

SERVES = """
    import pathlib, sys, time
    def handle(data, context):
        if data is None:
            return None
        for row in data:
            if row["body"] == "exit":
                sys.exit(3)
            kind, _, gate = row["body"].partition(" ")
            while kind == "hang" and not pathlib.Path(gate).exists():
                time.sleep(0.01)
        return [row["body"] for row in data]
"""
Make = Callable[..., tuple[WorkerFixture, Worker]]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes workers of a handler's source, which are stopped after the test."""
    workers: list[Worker] = []

    def make(
        handler: str = SERVES, *, ended: Any = lambda worker: None, **options: Any
    ) -> tuple[WorkerFixture, Worker]:
        fixture = WorkerFixture(tmp_path / str(len(workers)), handler)
        worker = Worker(fixture.spec(), fixture.batcher, fixture.metrics, fixture.deliver, ended, **options)
        workers.append(worker)
        return fixture, worker

    yield make
    for worker in workers:
        worker.stop()


def test_it_loads_serves_and_ends_when_it_is_stopped(make: Make) -> None:
    fixture, worker = make()
    assert (worker.state, repr(worker)) == ("loading", "<Worker W-9000-m_1.0 loading on cpu>")
    worker.start()
    worker.loaded.result(WAIT_SECONDS)
    assert worker.state == "ready"
    fixture.submit("hello")
    assert fixture.outcome() == "hello"
    worker.stop()
    assert worker.join(WAIT_SECONDS)
    assert worker.state == "ended"
    assert fixture.lines == ["Torch worker started."]


def test_a_handler_that_exits_ends_it_once_and_its_batch_is_answered(make: Make) -> None:
    ended: list[Worker] = []
    fixture, worker = make(ended=ended.append)
    worker.start()
    fixture.submit("exit")
    died = fixture.outcome()
    assert isinstance(died, WorkerDied)
    assert worker.join(WAIT_SECONDS)
    assert ended == [worker]
    assert fixture.lines[-1] == "The worker has ended: its handler exited with status 3."


def test_a_load_that_fails_is_reported(make: Make) -> None:
    ended: list[Worker] = []
    _, worker = make("raise ValueError('broken')", ended=ended.append)
    worker.start()
    error = worker.loaded.exception(WAIT_SECONDS)
    assert isinstance(error, LoadFailed)
    assert str(error) == "W-9000-m_1.0: ValueError: broken"
    until(lambda: ended == [worker])


def test_a_hanging_worker_is_abandoned_and_its_late_outcome_dropped(make: Make, tmp_path: Path) -> None:
    fixture, worker = make()
    worker.start()
    fixture.submit(f"hang {tmp_path / 'gate'}")
    until(lambda: worker.batch is not None)
    assert worker.remaining_seconds(60, 60) > 0  # type: ignore[operator]
    assert worker.remaining_seconds(0, 60) <= 0  # type: ignore[operator]
    worker.abandon("it hangs")
    assert isinstance(fixture.outcome(), WorkerDied)
    assert (worker.abandoned, worker.state, worker.remaining_seconds(0, 0)) == (True, "ended", None)
    (tmp_path / "gate").touch()
    assert worker.join(WAIT_SECONDS)
    assert fixture.delivered.empty()


def test_a_thread_that_cannot_start_is_a_failed_load(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[Worker] = []
    _, worker = make(ended=ended.append)

    def start() -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(worker._thread, "start", start)
    worker.start()
    assert ended == [worker]
    assert isinstance(worker.loaded.exception(0), LoadFailed)


def test_a_worker_that_is_stopped_before_it_starts_never_does(make: Make) -> None:
    _, worker = make(delay=5.0)
    assert worker.remaining_seconds(60, 60) > 60  # type: ignore[operator]
    worker.stop()
    worker.start()
    assert (worker.state, worker.join(0)) == ("ended", True)
    assert isinstance(worker.loaded.exception(0), LoadFailed)


@pytest.mark.parametrize("failures", [1, 3])
def test_outcomes_whose_delivery_fails_are_delivered_later(make: Make, failures: int) -> None:
    fixture, worker = make()
    remaining, deliver, failed = [failures], worker._deliver, threading.Event()

    def fail(outcomes: JobOutcomes) -> None:
        if remaining[0]:
            remaining[0] -= 1
            failed.set()
            raise MemoryError
        deliver(outcomes)

    worker._deliver = fail
    worker.start()
    fixture.submit("hello")
    assert failed.wait(WAIT_SECONDS)
    until(lambda: not worker._thread.is_alive())
    while worker.remaining_seconds(60, 60) is not None:  # as the hang check does
        assert not worker.join(0)
    assert worker.join(0)
    assert fixture.outcome() == "hello"
    assert fixture.delivered.empty()


def test_a_batch_whose_claim_fails_when_it_is_made_is_answered_later(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixture, worker = make()
    finish, claims = fixture.batcher.finish, list[bool]()

    def claim(batch: Batch) -> bool:
        claims.append(finish(batch))
        if len(claims) == 1:
            raise MemoryError
        return claims[-1]

    monkeypatch.setattr(fixture.batcher, "finish", claim)
    worker.start()
    fixture.submit("exit")
    until(lambda: worker.state == "ended" and bool(claims))
    assert worker.join(0) is False or not fixture.delivered.empty()
    until(lambda: worker.remaining_seconds(60, 60) is None)
    assert isinstance(fixture.outcome(), WorkerDied)
