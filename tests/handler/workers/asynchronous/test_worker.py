"""An asynchronous worker, on a thread and in a process: it holds requests, and each of them ends by itself."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from handler.errors import PredictionFailed, WorkerDied
from handler.job import StreamChunk
from tests.support.async_worker import Make, async_workers
from tests.support.load import until
from tests.support.one_version import WAIT_SECONDS, WorkerFixture


@pytest.fixture(params=["thread", "process"])
def make(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Make]:
    """Makes workers."""
    with async_workers(tmp_path, in_process=request.param == "process") as make:
        yield make


def hold(fixture: WorkerFixture, word: str) -> Any:
    """Submit a request, and wait until its coroutine waits."""
    job = fixture.submit(f"wait {word}")
    assert isinstance(fixture.outcome(), StreamChunk)
    return job


def test_it_holds_many_requests_and_answers_each_when_it_is_ready(make: Make) -> None:
    fixture, worker = make()
    for word in "abc":
        hold(fixture, word)
    assert repr(worker) == "<AsyncWorker W-9000-m_1.0 ready with 3 batches>"
    for word in "cab":
        fixture.submit(f"release {word}")
        assert {fixture.outcome(), fixture.outcome()} == {"released", word}


def test_an_exception_costs_its_own_request_only(make: Make) -> None:
    fixture, worker = make()
    hold(fixture, "a")
    for kind in ("value", "cancelled"):
        fixture.submit(f"fail {kind}")
        assert isinstance(fixture.outcome(), PredictionFailed)
    fixture.submit("release a")
    assert {fixture.outcome(), fixture.outcome()} == {"released", "a"}
    assert worker.state == "ready"


def test_a_request_whose_client_leaves_is_cancelled(make: Make) -> None:
    fixture, _ = make()
    gone, kept = hold(fixture, "gone"), hold(fixture, "kept")
    gone.cancel()
    assert isinstance(fixture.outcome(), PredictionFailed)
    fixture.submit("ended ")
    assert json.loads(fixture.outcome()) == ["gone"]
    fixture.submit("release kept")
    assert {fixture.outcome(), fixture.outcome()} == {"released", "kept"}
    assert (kept.on_cancel, gone.on_cancel) == (None, None)


def test_a_request_that_takes_too_long_is_answered_and_cancelled(make: Make) -> None:
    fixture, worker = make()
    hold(fixture, "late")
    assert worker.remaining_seconds(1000, 1000) == pytest.approx(1000, abs=30)
    worker.remaining_seconds(0, 1000)
    assert isinstance(fixture.outcome(), WorkerDied)
    until(lambda: worker.remaining_seconds(1000, 1000) is None)
    fixture.submit("ended ")
    assert json.loads(fixture.outcome()) == ["late"]


def test_an_event_loop_that_does_not_even_cancel_is_given_up(make: Make, tmp_path: Path) -> None:
    fixture, worker = make()
    fixture.submit(f"block {tmp_path}/end")
    until(lambda: worker.remaining_seconds(1000, 1000) is not None)
    worker.remaining_seconds(0, 1000)
    assert isinstance(fixture.outcome(), WorkerDied)
    remaining = worker.remaining_seconds(1000, 1000)
    assert remaining is not None
    assert remaining <= 10
    (tmp_path / "end").touch()


def test_pieces_of_a_generator_come_one_by_one(make: Make) -> None:
    fixture, _ = make()
    fixture.submit("pieces 3")
    chunks = [fixture.outcome() for _ in range(3)]
    assert [chunk.output.body for chunk in chunks] == [b"piece 0", b"piece 1", b"piece 2"]
    assert chunks[0].output.headers == (("ts_stream_next", "true"),)
    assert fixture.outcome() == ""


def test_requests_in_hand_are_answered_before_it_ends(make: Make) -> None:
    fixture, worker = make()
    fixture.submit("linger a")
    assert isinstance(fixture.outcome(), StreamChunk)
    worker.stop()
    assert fixture.outcome() == "a"
    assert worker.join(WAIT_SECONDS)


def test_a_handler_that_exits_ends_the_worker_and_all_that_it_holds(make: Make) -> None:
    ended: list[Any] = []
    fixture, worker = make(ended=ended.append)
    hold(fixture, "a")
    fixture.submit("fail exit")
    assert [type(fixture.outcome()) for _ in range(2)] == [WorkerDied, WorkerDied]
    until(lambda: ended == [worker])
    assert worker.join(WAIT_SECONDS)
