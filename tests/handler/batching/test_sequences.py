"""Sequences: which request's turn it is, whose it is, and when there is room for another sequence."""

import pytest

from handler.batching.batcher import Consumer
from handler.batching.sequences import SequenceLimits, Sequences
from handler.errors import QueueFull
from handler.job import Input, Job


class Clock:
    """Stands still until it is moved on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sequences(clock: Clock) -> Sequences:
    """Limits of two sequences with two queued requests each, which may be idle for 5 seconds and last for 60."""
    return Sequences(SequenceLimits(max_sequences=2, max_queued=2, max_idle_seconds=5, max_seconds=60), clock)


def job(sequence: str, name: str = "job") -> Job:
    return Job(Input(()), name, sequence=sequence)


def serve(sequences: Sequences, served: Job) -> Job | None:
    """A worker has seen and answered the job; the next one is dispatched."""
    sequences.complete(served)
    return advance(sequences, served)


def admit(sequences: Sequences, admitted: Job) -> bool:
    """Admit a job, and dispatch it if it need not wait."""
    is_first = sequences.admit(admitted)
    if is_first:
        sequences.dispatch(admitted)
    return is_first


def advance(sequences: Sequences, seen: Job) -> Job | None:
    """A worker has seen the job; the next one is dispatched."""
    following = sequences.advance(seen)
    if following is not None:
        sequences.dispatch(following)
    return following


def test_requests_of_one_sequence_are_dispatched_one_by_one_in_their_order(sequences: Sequences) -> None:
    first, second, third = (job("a") for _ in range(3))
    assert [admit(sequences, each) for each in (first, second, third)] == [True, False, False]
    assert sequences.queued == 2
    assert serve(sequences, first) is second
    assert serve(sequences, second) is third
    assert serve(sequences, third) is None
    assert admit(sequences, job("a"))


def test_a_dispatch_that_failed_is_repeated(sequences: Sequences) -> None:
    first, second = job("a"), job("a")
    assert sequences.admit(first)
    sequences.dispatch(first)
    sequences.recall(first, requeue=False)
    assert admit(sequences, first)
    assert not admit(sequences, second)
    for _ in range(2):
        assert sequences.advance(first) is second
        sequences.dispatch(second)
        sequences.recall(second, requeue=True)
    assert serve(sequences, first) is second


def test_sequences_do_not_wait_for_each_other(sequences: Sequences) -> None:
    assert admit(sequences, job("a"))
    assert admit(sequences, job("b"))


def test_only_so_many_requests_wait_in_one_sequence(sequences: Sequences) -> None:
    for _ in range(3):
        admit(sequences, job("a"))
    with pytest.raises(QueueFull):
        admit(sequences, job("a"))


def test_there_are_only_so_many_sequences(sequences: Sequences) -> None:
    for name in "ab":
        admit(sequences, job(name))
    with pytest.raises(QueueFull):
        admit(sequences, job("c"))


def test_a_sequence_that_is_idle_too_long_makes_room(sequences: Sequences, clock: Clock) -> None:
    for name in "ab":
        served = job(name)
        admit(sequences, served)
        clock.now += 3
        serve(sequences, served)
    clock.now += 4  # a is idle for 7 seconds, b for 4
    assert admit(sequences, job("c"))
    with pytest.raises(QueueFull):
        admit(sequences, job("a"))
    assert admit(sequences, job("b"))


def test_a_sequence_with_open_requests_is_not_idle(sequences: Sequences, clock: Clock) -> None:
    for name in "ab":
        admit(sequences, job(name))
    clock.now += 100
    with pytest.raises(QueueFull):
        admit(sequences, job("c"))


def test_a_sequence_lives_no_longer_than_it_may(sequences: Sequences, clock: Clock) -> None:
    worker, other = Consumer(), Consumer()
    begun = job("a")
    admit(sequences, begun)
    assert sequences.assign_worker(begun, [worker]) is worker
    for _ in range(20):
        serve(sequences, begun)
        clock.now += 3
        begun = job("a")
        admit(sequences, begun)
    assert sequences.assign_worker(begun, [other, worker]) is other  # after 60 seconds it began anew


def test_an_ended_sequence_makes_room_only_when_that_is_needed(sequences: Sequences) -> None:
    ended, going = job("ended"), job("going")
    for each in (ended, going):
        admit(sequences, each)
        serve(sequences, each)
    sequences.end("ended")
    sequences.end("never heard of")
    assert admit(sequences, job("new"))
    with pytest.raises(QueueFull):
        admit(sequences, job("newer"))


def test_a_request_after_the_end_goes_on_with_the_sequence(sequences: Sequences) -> None:
    for name in "ab":
        served = job(name)
        admit(sequences, served)
        serve(sequences, served)
        sequences.end(name)
    again = job("a")
    admit(sequences, again)
    serve(sequences, again)
    assert admit(sequences, job("c"))  # in place of b
    with pytest.raises(QueueFull):
        admit(sequences, job("b"))


def test_a_sequence_stays_with_its_worker_and_new_ones_go_to_who_has_fewest(sequences: Sequences) -> None:
    workers = [Consumer(), Consumer()]
    first, second = job("a"), job("b")
    admit(sequences, first)
    admit(sequences, second)
    own = sequences.assign_worker(first, workers)
    assert sequences.assign_worker(second, workers) is not own
    assert sequences.assign_worker(first, workers) is own


def test_a_sequence_whose_worker_is_gone_goes_to_another(sequences: Sequences) -> None:
    gone, there = Consumer(), Consumer()
    begun = job("a")
    admit(sequences, begun)
    assert sequences.assign_worker(begun, [gone]) is gone
    assert sequences.assign_worker(begun, [there]) is there


def test_the_next_request_may_come_before_the_last_one_is_answered(sequences: Sequences) -> None:
    """Of continuous batching: a request that is seen again and again lets the next ones in."""
    streaming, following = job("a"), job("a")
    admit(sequences, streaming)
    admit(sequences, following)
    assert advance(sequences, streaming) is following
    assert advance(sequences, streaming) is None
    assert advance(sequences, following) is None


def test_queued_jobs_can_be_taken_back(sequences: Sequences) -> None:
    first, second = job("a"), job("a")
    admit(sequences, first)
    admit(sequences, second)
    assert sequences.pop_all() == [second]
    assert serve(sequences, first) is None
