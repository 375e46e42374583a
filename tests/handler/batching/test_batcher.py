"""The queue of a model version: who gets which jobs, when, and who may answer them."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from handler.batching.batcher import Batch, Batcher, Consumer
from handler.batching.gather_policy import HISTORY_BATCHES
from handler.errors import BatcherClosed, QueueFull
from tests.support.jobs import LONG, gathering, job, names, sleeping, until


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as executor:
        yield executor


def test_what_waits_is_taken_together_up_to_the_batch_size() -> None:
    batcher = Batcher(3, 0, 100)
    for number in range(5):
        batcher.submit(job(str(number)))
    assert names(batcher.take(Consumer())) == ["0", "1", "2"]
    assert names(batcher.take(Consumer())) == ["3", "4"]


def test_idle_workers_share_what_waits(threads: ThreadPoolExecutor) -> None:
    batcher = Batcher(16, 0, 100)
    taken = threads.submit(batcher.take, Consumer()), threads.submit(batcher.take, Consumer())
    until(sleeping(batcher, 2))
    with batcher._lock:  # they all come at once
        for number in range(5):
            batcher.submit(job(str(number)))
    batches = sorted((names(batch.result(LONG)) for batch in taken), key=len)
    assert [len(batch) for batch in batches] == [2, 3]


def test_a_full_batch_leaves_before_the_delay_is_over(threads: ThreadPoolExecutor) -> None:
    batcher = Batcher(2, LONG, 100)
    taken = threads.submit(batcher.take, Consumer())
    batcher.submit(job("a"))
    until(gathering(batcher))
    batcher.submit(job("b"))
    assert names(taken.result(LONG)) == ["a", "b"]


def test_the_delay_counts_from_the_first_arrival() -> None:
    batcher = Batcher(2, 0.05, 100)
    late = job()
    late.arrived_at -= 1
    batcher.submit(late)
    began = time.monotonic()
    batcher.take(Consumer())
    assert time.monotonic() - began < 0.05


def test_a_lone_client_is_not_kept_waiting() -> None:
    batcher = Batcher(16, 0.001, 100)
    for _ in range(HISTORY_BATCHES):  # it learns that no other request comes
        batcher.submit(job())
        lone = batcher.take(Consumer())
        assert lone is not None
        batcher.finish(lone)
    batcher._max_delay = LONG
    batcher.submit(job("single"))
    assert names(batcher.take(Consumer())) == ["single"]


def test_clients_that_come_together_are_gathered_again_after_a_lone_one(threads: ThreadPoolExecutor) -> None:
    batcher = Batcher(4, 0.01, 100)
    for count in (4, 4, 4, 4, 4, 1, 1):
        for _ in range(count):
            batcher.submit(job())
        batch = batcher.take(Consumer())
        assert batch is not None
        batcher.finish(batch)
    batcher._max_delay = LONG
    taken = threads.submit(batcher.take, Consumer())
    for name in "abcd":
        batcher.submit(job(name))
    assert names(taken.result(LONG)) == ["a", "b", "c", "d"]


def test_a_gathering_worker_expects_no_job_that_is_running_already() -> None:
    batcher = Batcher(4, 0, 100)
    for _ in range(HISTORY_BATCHES):
        for _ in range(2):
            batcher.submit(job())
        batch = batcher.take(Consumer())
        assert batch is not None
        batcher.finish(batch)
    batcher.submit(job("first"))
    assert names(batcher.take(Consumer())) == ["first"]  # two are usual: one is in work now
    batcher._max_delay = LONG
    batcher.submit(job("second"))
    assert names(batcher.take(Consumer())) == ["second"]


def test_a_job_beyond_the_capacity_is_refused_and_taken_jobs_do_not_count() -> None:
    batcher = Batcher(1, 0, 1)
    batcher.submit(job())
    with pytest.raises(QueueFull):
        batcher.submit(job())
    batcher.take(Consumer())
    batcher.submit(job())


def test_jobs_whose_clients_left_neither_reach_a_worker_nor_fill_the_queue() -> None:
    batcher = Batcher(4, 0, 2)
    gone = job("gone")
    batcher.submit(gone)
    batcher.submit(job("stays"))
    gone.cancelled = True
    batcher.submit(job("new"))
    assert names(batcher.take(Consumer())) == ["stays", "new"]


def test_with_job_tickets_only_an_idle_worker_gets_a_job_accepted(threads: ThreadPoolExecutor) -> None:
    batcher = Batcher(1, 0, 10, tickets=True)
    with pytest.raises(QueueFull):
        batcher.submit(job())
    taken = threads.submit(batcher.take, Consumer())
    until(sleeping(batcher, 1))
    batcher.submit(job("lucky"))
    assert names(taken.result(LONG)) == ["lucky"]


def test_a_job_that_is_exclusive_has_its_batch_to_itself() -> None:
    batcher = Batcher(4, 0, 10)
    for each in (job("a"), job("describe", exclusive=True), job("b"), job("c")):
        batcher.submit(each)
    assert [names(batcher.take(Consumer())) for _ in range(3)] == [["a"], ["describe"], ["b", "c"]]


def test_a_batch_is_finished_once() -> None:
    batcher = Batcher(1, 0, 10)
    batcher.submit(job())
    batch = batcher.take(Consumer())
    assert batch is not None
    assert (batcher.finish(batch), batcher.finish(batch)) == (True, False)


def test_of_many_threads_that_claim_a_batch_one_wins(threads: ThreadPoolExecutor) -> None:
    batcher = Batcher(1, 0, 10)
    start = threading.Barrier(4)
    for _ in range(50):
        batcher.submit(job())
        batch = batcher.take(Consumer())
        assert batch is not None

        def claim(batch: Batch = batch) -> bool:
            start.wait(LONG)
            return batcher.finish(batch)

        claims = [threads.submit(claim) for _ in range(4)]
        assert sum(claim.result(LONG) for claim in claims) == 1


def test_a_closed_batcher_refuses_jobs_and_serves_what_it_has_without_gathering() -> None:
    batcher = Batcher(4, LONG, 10)
    batcher.submit(job("last"))
    batcher.close()
    with pytest.raises(BatcherClosed):
        batcher.submit(job())
    assert names(batcher.take(Consumer())) == ["last"]
    assert batcher.take(Consumer()) is None


def test_closing_ends_a_gathering_at_once(threads: ThreadPoolExecutor) -> None:
    batcher = Batcher(4, LONG, 10)
    batcher.submit(job("only"))
    taken = threads.submit(batcher.take, Consumer())
    until(gathering(batcher))
    batcher.close()
    assert names(taken.result(LONG)) == ["only"]


def test_a_stopping_worker_ends_and_the_job_it_was_woken_for_goes_to_another(
    threads: ThreadPoolExecutor,
) -> None:
    batcher = Batcher(1, 0, 10)
    leaver, stayer = Consumer(), Consumer()
    left = threads.submit(batcher.take, leaver)
    until(sleeping(batcher, 1))
    stayed = threads.submit(batcher.take, stayer)
    until(sleeping(batcher, 2))
    leaver.stopping = True
    batcher.submit(job("kept"))  # wakes the leaver, which slept first
    assert names(stayed.result(LONG)) == ["kept"]
    batcher.wake_workers()
    assert left.result(LONG) is None


def test_several_workers_share_a_burst(threads: ThreadPoolExecutor) -> None:
    batcher = Batcher(2, 0, 100)
    takes: list[Future[Batch | None]] = [threads.submit(batcher.take, Consumer()) for _ in range(3)]
    until(sleeping(batcher, 3))
    for number in range(6):
        batcher.submit(job(str(number)))
    taken = [name for take in takes for name in names(take.result(LONG))]
    rest = [name for _ in range(len(batcher)) for name in names(batcher.take(Consumer()))]
    assert sorted(taken + rest) == list("012345")


def test_it_is_idle_when_every_client_has_disconnected() -> None:
    batcher = Batcher(1, 0, 10)
    only = job()
    batcher.submit(only)
    assert not batcher.is_idle
    only.cancelled = True
    assert batcher.is_idle


def test_its_state_prints_itself() -> None:
    batcher = Batcher(1, 0, 10)
    for _ in range(3):
        batcher.submit(job())
    batcher.take(Consumer())
    assert repr(batcher) == "<Batcher 2 queued, 1 running, open>"
    batcher.close()
    assert repr(batcher) == "<Batcher 2 queued, 1 running, closed>"
    assert [waiting.request_id for waiting in batcher.pop_all()] == ["job", "job"]


def test_the_worker_that_slept_last_works_next(threads: ThreadPoolExecutor) -> None:
    batcher, first, last = Batcher(1, 0, 10), Consumer(), Consumer()
    resting = threads.submit(batcher.take, first)
    until(sleeping(batcher, 1))
    working = threads.submit(batcher.take, last)
    until(sleeping(batcher, 2))
    batcher.submit(job("a"))
    assert names(working.result(LONG)) == ["a"]
    assert not resting.done()
    batcher.submit(job("b"))
    assert names(resting.result(LONG)) == ["b"]
