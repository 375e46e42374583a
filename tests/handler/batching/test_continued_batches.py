"""Batches that go on after some of their jobs are done."""

from handler.batching.batcher import Batcher, Consumer
from tests.support.jobs import job, names


def test_a_batch_that_continues_takes_others_in_the_places_of_those_that_are_done() -> None:
    batcher, worker = Batcher(2, 0, 100), Consumer()
    stays, ends = job("stays"), job("ends")
    for each in (stays, ends, job("third"), job("fourth")):
        batcher.submit(each)
    batch = batcher.take(worker)
    assert batch
    assert batcher.continue_batch(batch, [stays], worker)
    assert names(batch) == ["stays", "third"]
    assert batcher.continue_batch(batch, [], worker)
    assert names(batch) == ["fourth"]
    assert batcher.continue_batch(batch, [], worker)
    assert not batch.jobs
    assert batcher.is_idle
    assert not batcher.continue_batch(batch, [], worker)


def test_a_batch_that_continues_loses_those_whose_clients_left_and_takes_none_that_is_exclusive() -> None:
    batcher, worker = Batcher(4, 0, 100), Consumer()
    stays, leaves = job("stays"), job("leaves")
    batcher.submit(stays)
    batcher.submit(leaves)
    batch = batcher.take(worker)
    assert batch
    batcher.submit(job("describe", exclusive=True))
    leaves.cancelled = True
    assert batcher.continue_batch(batch, [stays, leaves], worker)
    assert names(batch) == ["stays"]
    assert batcher.continue_batch(batch, [], worker)
    assert names(batch) == ["describe"]


def test_a_batch_takes_no_more_jobs_when_its_worker_stops_or_was_given_up() -> None:
    batcher, worker = Batcher(2, 0, 100), Consumer()
    stays = job("stays")
    batcher.submit(stays)
    batch = batcher.take(worker)
    assert batch
    batcher.submit(job("waits"))
    worker.stopping = True
    assert batcher.continue_batch(batch, [stays], worker)
    assert names(batch) == ["stays"]
    assert batcher.finish(batch)
    assert not batcher.continue_batch(batch, [stays], worker)
    assert names(batcher.take(Consumer())) == ["waits"]
