"""The queue of a stateful model: a line for each worker, and nothing lost when workers come and go."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from handler.batching.batcher import Consumer
from handler.batching.sequence_batcher import SequenceBatcher
from handler.batching.sequences import SequenceLimits, Sequences
from handler.errors import BatcherClosed, QueueFull
from handler.job import Input, Job
from tests.support.jobs import LONG, names, until


def job(sequence: str, name: str = "") -> Job:
    return Job(Input(()), name or sequence, sequence=sequence)


@pytest.fixture
def batcher() -> SequenceBatcher:
    return SequenceBatcher(4, 0, 100, Sequences(SequenceLimits(max_sequences=8, max_queued=4, max_idle_seconds=60)))


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as executor:
        yield executor


def test_never_two_of_a_sequence_in_one_batch(batcher: SequenceBatcher) -> None:
    worker = Consumer()
    for name in ("a1", "a2", "b1", "a3", "b2"):
        batcher.submit(job(name[0], name))
    assert len(batcher) == 5
    for wanted in (["a1", "b1"], ["a2", "b2"], ["a3"]):
        batch = batcher.take(worker)
        assert names(batch) == wanted
        assert batch
        assert batcher.finish(batch)
        assert not batcher.finish(batch)
    assert batcher.is_idle


def test_it_is_not_full_before_there_are_workers() -> None:
    batcher = SequenceBatcher(1, 0, 1, Sequences(SequenceLimits(max_sequences=8, max_queued=4, max_idle_seconds=60)))
    batcher.submit(job("a"))
    assert not batcher.is_full
    batcher.submit(job("b"))


def test_a_held_request_goes_to_the_worker_that_waits(batcher: SequenceBatcher, threads: ThreadPoolExecutor) -> None:
    worker = Consumer()
    batcher.submit(job("a", "a1"))
    batcher.submit(job("a", "a2"))
    first = batcher.take(worker)
    assert first
    other = threads.submit(batcher.take, Consumer())
    batcher.finish(first)
    assert names(batcher.take(worker)) == ["a2"]
    batcher.submit(job("b"))
    assert names(other.result(LONG)) == ["b"]


def test_each_worker_has_sequences_of_its_own(batcher: SequenceBatcher, threads: ThreadPoolExecutor) -> None:
    one, two = Consumer(), Consumer()
    first, second = threads.submit(batcher.take, one), threads.submit(batcher.take, two)
    until(lambda: len(batcher._queues) == 2)
    batcher.submit(job("a"))
    batcher.submit(job("b"))
    taken = {one: first.result(LONG), two: second.result(LONG)}
    for batch in taken.values():
        assert batch
        batcher.finish(batch)
    for name in "ab":
        batcher.submit(job(name))
    for worker, batch in taken.items():
        assert names(batcher.take(worker)) == names(batch)


def test_what_comes_before_the_first_worker_waits_for_it(batcher: SequenceBatcher) -> None:
    batcher.submit(job("a"))
    batcher.submit(job("", "describe"))
    assert len(batcher) == 2
    assert names(batcher.take(Consumer())) == ["a", "describe"]


def test_a_request_without_a_sequence_goes_to_an_idle_worker(
    batcher: SequenceBatcher, threads: ThreadPoolExecutor
) -> None:
    batcher.submit(job("a", "a1"))
    busy = batcher.take(Consumer())
    assert busy
    free = threads.submit(batcher.take, Consumer())
    until(lambda: len(batcher._queues) == 2)
    batcher.submit(job("", "describe"))
    assert names(free.result(LONG)) == ["describe"]


def test_the_sequences_of_a_worker_that_dies_go_to_others(batcher: SequenceBatcher) -> None:
    dying, other = Consumer(), Consumer()
    for name in ("a1", "a2", "b1"):
        batcher.submit(job(name[0], name))
    batch = batcher.take(dying)
    assert batch
    batcher.submit(job("c"))
    dying.stopping = True
    batcher.finish(batch)
    batcher.wake_workers()
    assert batcher.take(dying) is None
    assert names(batcher.take(other)) == ["a2", "c"]
    assert len(batcher._queues) == 1


def test_a_worker_that_is_to_leave_finishes_what_it_took(batcher: SequenceBatcher, threads: ThreadPoolExecutor) -> None:
    leaving, other = Consumer(), Consumer()
    batcher.submit(job("a", "a1"))
    batcher.submit(job("a", "a2"))
    batch = batcher.take(leaving)
    assert batch
    leaving.stopping = True
    batcher.wake_workers()
    following = threads.submit(batcher.take, other)
    until(lambda: len(batcher._queues) == 2)
    assert not following.done()  # a2 waits for a1
    batcher.finish(batch)
    assert names(following.result(LONG)) == ["a2"]
    assert batcher.take(leaving) is None


def test_after_the_close_what_was_accepted_is_served_before_workers_leave(
    batcher: SequenceBatcher, threads: ThreadPoolExecutor
) -> None:
    worker, idle = Consumer(), Consumer()
    resting = threads.submit(batcher.take, idle)
    until(lambda: len(batcher._queues) == 1)
    for name in ("a1", "b1", "a2"):
        batcher.submit(job(name[0], name))
    taken = resting.result(LONG)
    assert taken
    batcher.close()
    with pytest.raises(BatcherClosed):
        batcher.submit(job("c"))
    late = threads.submit(batcher.take, worker)
    served = names(taken)
    while len(served) < 3:
        batcher.finish(taken)
        taken = batcher.take(idle)
        served += names(taken)
        assert taken
    assert sorted(served) == ["a1", "a2", "b1"]
    assert served.index("a1") < served.index("a2")
    batcher.finish(taken)
    assert batcher.take(idle) is None
    assert late.result(LONG) is None


def test_what_waits_can_be_had_back(batcher: SequenceBatcher) -> None:
    for name in ("a1", "a2", "b1"):
        batcher.submit(job(name[0], name))
    batch = batcher.take(Consumer())
    batcher.submit(job("c"))
    assert sorted(each.request_id for each in batcher.pop_all()) == ["a2", "c"]
    assert len(batcher) == 0
    assert batch
    assert batcher.finish(batch)


def test_too_many_requests_are_refused(batcher: SequenceBatcher) -> None:
    for _ in range(5):
        batcher.submit(job("a"))
    with pytest.raises(QueueFull):
        batcher.submit(job("a"))


def test_an_ended_sequence_makes_room(batcher: SequenceBatcher) -> None:
    worker = Consumer()
    for name in "abcdefgh":
        batcher.submit(job(name))
    for _ in range(2):
        batch = batcher.take(worker)
        assert batch
        batcher.finish(batch)
    with pytest.raises(QueueFull):
        batcher.submit(job("i"))
    batcher.end("d")
    batcher.submit(job("i"))


def test_a_batch_that_goes_on_lets_the_next_of_a_sequence_in(batcher: SequenceBatcher) -> None:
    worker = Consumer()
    stream, cancel = job("a", "stream"), job("a", "cancel")
    batcher.submit(stream)
    batcher.submit(cancel)
    batch = batcher.take(worker)
    assert batch
    assert names(batch) == ["stream"]
    assert batcher.continue_batch(batch, [stream], worker)
    assert names(batch) == ["stream", "cancel"]
    assert batcher.continue_batch(batch, [], worker)
    assert not batch.jobs
    assert batcher.is_idle
    assert not batcher.continue_batch(batch, [], worker)
