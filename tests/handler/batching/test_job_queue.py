"""The plain queue of a batcher."""

from handler.batching.job_queue import FifoQueue
from handler.job import Input, Job


def queue(*names: str, exclusive: str = "") -> FifoQueue:
    return FifoQueue(Job(Input(()), name, exclusive=name == exclusive) for name in names)


def taken(jobs: FifoQueue, size: int) -> list[str]:
    batch: list[Job] = []
    jobs.fill(batch, size, 7.0)
    assert all(job.taken_at == 7.0 for job in batch)
    return [job.request_id for job in batch]


def test_jobs_leave_as_they_came() -> None:
    jobs = queue("a", "b", "c")
    assert jobs.oldest_arrival == jobs[0].arrived_at
    assert taken(jobs, 2) == ["a", "b"]
    assert jobs.size == 1


def test_an_exclusive_job_shares_its_batch_with_no_other() -> None:
    jobs = queue("a", "b", "c", exclusive="b")
    assert [taken(jobs, 3) for _ in range(3)] == [["a"], ["b"], ["c"]]


def test_cancelled_jobs_are_dropped() -> None:
    jobs = queue("a", "b", "c")
    jobs[0].cancelled = jobs[2].cancelled = True
    assert taken(jobs, 1) == ["b"]
    jobs.drop_cancelled()
    assert len(jobs) == 0


def test_a_batch_is_complete_at_its_size() -> None:
    jobs = queue("a", "b")
    assert jobs.is_complete(2)
    assert not jobs.is_complete(3)
    assert jobs.size_of(list(jobs)) == 2
