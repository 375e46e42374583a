"""The workers of a version: as many as there should be, replaced when they die, given up when they hang."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from handler.workers.pool import RESTARTS_AT_ONCE, RestartBackoff, WorkerPool, restart_delays
from handler.workers.worker import Worker
from tests.support.load import until
from tests.support.one_version import WorkerFixture

SERVES = "def handle(data, context):\n    return data and [row['body'] for row in data]"
Make = Callable[..., "Fixture"]


class Fixture:
    """A pool with the ends of workers that it does not know of yet, and the calls that are due later."""

    def __init__(self, folder: Path, handler: str, **options: Any) -> None:
        self.workers = WorkerFixture(folder, handler)
        self.ended: list[Worker] = []
        self.later: list[tuple[float, Callable[[], object]]] = []
        self.pool = WorkerPool(
            self.workers.spec, self.workers.batcher, self.workers.metrics, self.workers.deliver,
            on_end=self.ended.append, call_later=lambda seconds, call: self.later.append((seconds, call)), **options,
        )  # fmt: skip


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes pools, whose workers are stopped after the test."""
    made: list[Fixture] = []

    def make(handler: str = SERVES, **options: Any) -> Fixture:
        made.append(Fixture(tmp_path / str(len(made)), handler, **options))
        return made[-1]

    yield make
    for fixture in made:
        for worker in fixture.pool.stop():
            worker.join_or_abandon(10)


def test_restarts_after_failed_loads_are_delayed_as_in_torchserve() -> None:
    assert list(islice(restart_delays(), 8)) == [0, 1, 1, 2, 3, 5, 8, 13]
    assert max(islice(restart_delays(), 30)) == 1597


def test_each_worker_that_dies_before_a_batch_is_served_is_replaced_at_once_a_few_times_only() -> None:
    backoff = RestartBackoff()
    at_once = RESTARTS_AT_ONCE * 2
    delays = [backoff.after_death(2, has_served=False) for _ in range(at_once + 8)]
    assert delays == [0] * at_once + [1, 2, 3, 5, 8, 8, 8, 8]
    assert repr(backoff) == "<RestartBackoff after 12 early deaths>"


def test_a_worker_that_had_served_is_replaced_at_once_and_the_waits_begin_anew() -> None:
    backoff = RestartBackoff()
    early = [backoff.after_death(1, has_served=False) for _ in range(5)]
    assert backoff.after_death(1, has_served=True) == 0
    assert [backoff.after_death(1, has_served=False) for _ in range(5)] == early == [0, 0, 1, 2, 3]


def test_the_waits_of_loads_begin_anew_after_one_that_succeeded() -> None:
    backoff = RestartBackoff()
    assert [backoff.after_failed_load() for _ in range(4)] == [0, 1, 1, 2]
    backoff.after_death(1, has_served=True)
    assert backoff.after_failed_load() == 0


def test_it_starts_and_stops_workers_until_there_are_enough(make: Make) -> None:
    pool = make().pool
    first, second, third = pool.scale(3)
    assert [worker.spec.index for worker in pool.workers] == [0, 1, 2]
    until(lambda: pool.ready_count == 3)
    assert pool.scale(1) == []
    assert pool.workers == [first]
    until(lambda: second.state == third.state == "ended")
    assert [worker.spec.index for worker in pool.scale(2)] == [1]
    assert repr(pool).startswith("<WorkerPool ")


def test_a_worker_that_dies_is_replaced_at_its_index_at_once(make: Make) -> None:
    fixture = make("import sys\ndef handle(data, context):\n    return data and sys.exit(1)")
    (worker,) = fixture.pool.scale(1)
    fixture.workers.submit("x")
    until(lambda: fixture.ended == [worker])
    assert fixture.pool.alive_count == 0
    fixture.pool.replace_worker(worker)
    (replacement,) = fixture.pool.workers
    assert replacement is not worker
    assert replacement.spec.index == 0
    assert fixture.later == []


def test_workers_that_keep_dying_are_replaced_ever_later(make: Make) -> None:
    fixture = make("import sys\ndef handle(data, context):\n    return data and sys.exit(1)")
    fixture.pool.scale(1)
    delays = []
    for _ in range(5):
        fixture.workers.submit("x")
        until(lambda: len(fixture.ended) == 1)
        fixture.pool.replace_worker(fixture.ended.pop())
        delays += [seconds for seconds, _ in fixture.later] or [0.0]
        for _, call in fixture.later:
            call()
        fixture.later.clear()
    assert delays == [0, 0, 1, 2, 3]
    told = [line for line in fixture.workers.lines if line.startswith("Workers keep dying")]
    assert told == [f"Workers keep dying; the next one is started in {seconds} s." for seconds in (1, 2, 3)]


SERVES_ONCE = """
import sys
served = []
def handle(data, context):
    if served:
        sys.exit(1)
    served.extend(data or ())
    return data and ["x"] * len(data)
"""


def test_workers_that_have_served_are_replaced_at_once(make: Make) -> None:
    fixture = make(SERVES_ONCE)
    fixture.pool.scale(1)
    for _ in range(4):
        fixture.workers.submit("x")
        until(lambda: fixture.pool.workers[0].has_served)
        fixture.workers.submit("x")
        until(lambda: len(fixture.ended) == 1)
        fixture.pool.replace_worker(fixture.ended.pop())
    assert fixture.later == []


def test_loads_that_fail_are_tried_again_ever_later_and_then_no_more(make: Make) -> None:
    fixture = make("raise ValueError('broken')")
    fixture.pool.scale(1)
    for expected in (0.0, 1.0, 1.0, 2.0):
        until(lambda: len(fixture.ended) == 1)
        fixture.pool.replace_worker(fixture.ended.pop())
        assert [seconds for seconds, _ in fixture.later] == ([expected] if expected else [])
        for _, call in fixture.later:
            call()
        fixture.later.clear()
    assert sum("ValueError: broken" in line for line in fixture.workers.lines) > 1
    assert sum("Traceback" in line for line in fixture.workers.lines) == 1  # once is enough
    fixture.pool._retry_seconds = 0
    until(lambda: len(fixture.ended) == 1)
    fixture.pool.replace_worker(fixture.ended.pop())
    assert fixture.pool.workers == []
    assert fixture.workers.lines[-1] == "No worker is started any more: loading has failed for 0 s."


def test_a_hanging_worker_is_given_up_and_replaced(make: Make) -> None:
    fixture = make("import threading\ndef handle(data, context):\n    return data and threading.Event().wait(5)")
    (worker,) = fixture.pool.scale(1)
    fixture.workers.submit("x")
    until(lambda: worker.batch is not None)
    assert fixture.pool.abandon_hung(60, 60) > 0  # type: ignore[operator]
    fixture.pool.abandon_hung(0, 60)
    assert fixture.pool.abandoned_count == 1
    assert fixture.pool.workers != [worker]
    assert worker not in fixture.pool.stop()
