"""The queue of a model that batches requests of tensors."""

import pytest

from handler.batching.batcher import Batcher, Consumer
from handler.errors import QueueFull
from handler.job import Job
from handler.tensors.request_queue import BatchingRules, QueuePolicy, RequestQueue
from handler.tensors.requests import TensorRequest

NOW = 1000.0


def job(name: str, rows: int = 1, *, waited: float = 0.0, **more: object) -> Job:
    made = Job(TensorRequest((), rows=rows, **more), name)  # type: ignore[arg-type]
    made.arrived_at = NOW - waited
    return made


def filled(rules: BatchingRules, *jobs: Job, size: int = 99) -> tuple[list[str], RequestQueue]:
    queue, batch = RequestQueue(rules), list[Job]()
    for each in jobs:
        queue.append(each)
    queue.fill(batch, size, NOW)
    return [f"{one.request_id}{'!' * one.expired}" for one in batch], queue


def test_a_batch_has_as_many_rows_as_fit() -> None:
    taken, queue = filled(BatchingRules(8), job("a", 4), job("b", 4), job("c", 1))
    assert taken == ["a", "b"]
    assert (queue.size, len(queue)) == (1, 1)


def test_a_request_is_not_split() -> None:
    assert filled(BatchingRules(8), job("a", 5), job("b", 5))[0] == ["a"]
    assert filled(BatchingRules(8), job("a", 5), size=2)[0] == ["a"]


def test_groups_are_not_mixed() -> None:
    assert filled(BatchingRules(8), job("a", group=1), job("b", group=2), job("c", group=1))[0] == ["a"]


def test_a_batch_is_cut_at_a_preferred_size() -> None:
    jobs = [job(name) for name in "abcde"]
    assert filled(BatchingRules(8, [2, 4]), *jobs)[0] == ["a", "b", "c", "d"]
    assert filled(BatchingRules(8, [3]), job("a", 2), job("b", 2))[0] == ["a"]
    assert filled(BatchingRules(8, [7]), *jobs)[0] == ["a", "b", "c", "d", "e"]


def test_after_the_delay_whatever_fits_goes() -> None:
    jobs = [job(name, waited=1) for name in "abc"]
    assert filled(BatchingRules(8, [2], delay=0.5), *jobs)[0] == ["a", "b", "c"]


@pytest.mark.parametrize(("rows", "target", "complete"), [
    ([2, 2], 6, False), ([2, 2, 2], 6, True), ([4, 4], 6, True), ([1], 1, True), ([3], 6, True),
])  # fmt: skip
def test_a_batch_is_complete_when_it_cannot_get_better(rows: list[int], target: int, complete: bool) -> None:
    queue = RequestQueue(BatchingRules(6, [3, 6]))
    for count in rows:
        queue.append(job("x", count))
    assert queue.is_complete(target) == complete


def test_priorities_come_first() -> None:
    rules = BatchingRules(1, levels=3, default_level=2)
    queue = RequestQueue(rules)
    for name, priority in (("low", 3), ("default", 0), ("beyond", 9), ("high", 1)):
        queue.append(job(name, priority=priority))
    order: list[Job] = []
    while len(queue):
        queue.fill(order, 1, NOW)
    assert [one.request_id for one in order] == ["high", "default", "beyond", "low"]


def test_a_level_takes_no_more_than_its_policy_allows() -> None:
    queue = RequestQueue(BatchingRules(1, levels=2, level_policies={2: QueuePolicy(max_size=1)}))
    first = job("a", priority=2)
    queue.append(first)
    with pytest.raises(QueueFull):
        queue.append(job("b", priority=2))
    queue.append(job("c", priority=1))
    first.cancelled = True
    queue.append(job("d", priority=2))
    assert len(queue) == 2


def test_what_has_waited_too_long_is_to_be_refused() -> None:
    rules = BatchingRules(1, policy=QueuePolicy(timeout=500_000, may_override=True))
    jobs = [
        job("late", waited=0.6), job("hasty", waited=0.2, timeout=100_000), job("fine", waited=0.2, timeout=900_000),
    ]  # fmt: skip
    assert filled(rules, *jobs)[0] == ["late!", "hasty!", "fine"]


def test_or_it_is_put_behind_all_others() -> None:
    rules = BatchingRules(4, policy=QueuePolicy(timeout=500_000, is_delayed=True))
    assert filled(rules, job("late", waited=0.6), job("fine"))[0] == ["fine", "late"]


def test_cancelled_requests_take_no_place() -> None:
    gone = job("gone", 3)
    gone.cancelled = True
    taken, queue = filled(BatchingRules(4), gone, job("a", 4))
    assert (taken, queue.size) == (["a"], 0)


def test_a_batcher_counts_rows_with_it() -> None:
    batcher = Batcher(8, 0.0, 100, queue=RequestQueue(BatchingRules(8)))
    for name in "abc":
        batcher.submit(Job(TensorRequest((), rows=3), name))
    batch = batcher.take(Consumer())
    assert batch is not None
    assert [one.request_id for one in batch.jobs] == ["a", "b"]
    assert batcher.finish(batch)
    assert [one.request_id for one in batcher.pop_all()] == ["c"]
    assert batcher.is_idle
