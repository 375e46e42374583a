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
    """MemoryGuard for two sequences with two held requests each, which may rest for 5 seconds and live for 60."""
    return Sequences(SequenceLimits(max_sequences=2, max_queued=2, max_idle_seconds=5, max_seconds=60), clock)


def job(sequence: str, name: str = "job") -> Job:
    return Job(Input(()), name, sequence=sequence)


def serve(sequences: Sequences, served: Job) -> Job | None:
    """A worker has seen and answered the job."""
    sequences.complete(served)
    return sequences.advance(served)


def test_requests_of_one_sequence_are_handed_out_one_by_one_in_their_order(sequences: Sequences) -> None:
    first, second, third = (job("a") for _ in range(3))
    assert [sequences.admit(each) for each in (first, second, third)] == [True, False, False]
    assert sequences.queued == 2
    assert serve(sequences, first) is second
    assert serve(sequences, second) is third
    assert serve(sequences, third) is None
    assert sequences.admit(job("a"))


def test_sequences_do_not_wait_for_each_other(sequences: Sequences) -> None:
    assert sequences.admit(job("a"))
    assert sequences.admit(job("b"))


def test_only_so_many_requests_wait_in_one_sequence(sequences: Sequences) -> None:
    for _ in range(3):
        sequences.admit(job("a"))
    with pytest.raises(QueueFull):
        sequences.admit(job("a"))


def test_there_are_only_so_many_sequences(sequences: Sequences) -> None:
    for name in "ab":
        sequences.admit(job(name))
    with pytest.raises(QueueFull):
        sequences.admit(job("c"))


def test_a_sequence_that_rests_too_long_makes_room(sequences: Sequences, clock: Clock) -> None:
    for name in "ab":
        served = job(name)
        sequences.admit(served)
        clock.now += 3
        serve(sequences, served)
    clock.now += 4  # a rests since 7 seconds, b since 4
    assert sequences.admit(job("c"))
    with pytest.raises(QueueFull):
        sequences.admit(job("a"))
    assert sequences.admit(job("b"))


def test_a_sequence_with_open_requests_does_not_rest(sequences: Sequences, clock: Clock) -> None:
    for name in "ab":
        sequences.admit(job(name))
    clock.now += 100
    with pytest.raises(QueueFull):
        sequences.admit(job("c"))


def test_a_sequence_lives_no_longer_than_it_may(sequences: Sequences, clock: Clock) -> None:
    worker, other = Consumer(), Consumer()
    begun = job("a")
    sequences.admit(begun)
    assert sequences.assign_worker(begun, [worker]) is worker
    for _ in range(20):
        serve(sequences, begun)
        clock.now += 3
        begun = job("a")
        sequences.admit(begun)
    assert sequences.assign_worker(begun, [other, worker]) is other  # after 60 seconds it began anew


def test_an_ended_sequence_makes_room_only_when_that_is_needed(sequences: Sequences) -> None:
    ended, going = job("ended"), job("going")
    for each in (ended, going):
        sequences.admit(each)
        serve(sequences, each)
    sequences.end("ended")
    sequences.end("never heard of")
    assert sequences.admit(job("new"))
    with pytest.raises(QueueFull):
        sequences.admit(job("newer"))


def test_a_request_after_the_end_goes_on_with_the_sequence(sequences: Sequences) -> None:
    for name in "ab":
        served = job(name)
        sequences.admit(served)
        serve(sequences, served)
        sequences.end(name)
    again = job("a")
    sequences.admit(again)
    serve(sequences, again)
    assert sequences.admit(job("c"))  # in place of b
    with pytest.raises(QueueFull):
        sequences.admit(job("b"))


def test_a_sequence_stays_with_its_worker_and_new_ones_go_to_who_has_fewest(sequences: Sequences) -> None:
    workers = [Consumer(), Consumer()]
    first, second = job("a"), job("b")
    sequences.admit(first)
    sequences.admit(second)
    own = sequences.assign_worker(first, workers)
    assert sequences.assign_worker(second, workers) is not own
    assert sequences.assign_worker(first, workers) is own


def test_a_sequence_whose_worker_is_gone_goes_to_another(sequences: Sequences) -> None:
    gone, there = Consumer(), Consumer()
    begun = job("a")
    sequences.admit(begun)
    assert sequences.assign_worker(begun, [gone]) is gone
    assert sequences.assign_worker(begun, [there]) is there


def test_the_next_request_may_come_before_the_last_one_is_answered(sequences: Sequences) -> None:
    """Of continuous batching: a request that is seen again and again lets the next ones in."""
    streaming, following = job("a"), job("a")
    sequences.admit(streaming)
    sequences.admit(following)
    assert sequences.advance(streaming) is following
    assert sequences.advance(streaming) is None
    assert sequences.advance(following) is None


def test_what_is_held_can_be_had_back(sequences: Sequences) -> None:
    first, second = job("a"), job("a")
    sequences.admit(first)
    sequences.admit(second)
    assert sequences.pop_all() == [second]
    assert serve(sequences, first) is None
