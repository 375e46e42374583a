"""The order in which queued jobs go into batches, and how much each counts there."""

from collections import deque
from collections.abc import Iterator
from typing import Protocol

from handler.job import Job


class JobQueue(Protocol):
    """Queued jobs, under the lock of the batcher that owns them."""

    def __len__(self) -> int:
        """The number of jobs that are queued."""

    def __iter__(self) -> Iterator[Job]:
        """The jobs, in no certain order."""

    @property
    def size(self) -> int:
        """The weight of the queued jobs in batches."""

    @property
    def oldest_arrival(self) -> float:
        """When the job arrived that has waited longest; monotonic seconds."""

    def size_of(self, jobs: list[Job]) -> int:
        """The weight of these jobs in a batch."""

    def append(self, job: Job, /) -> None:
        """Queue a job; raises QueueFull where the queue has limits of its own."""

    def is_complete(self, target: int) -> bool:
        """Whether a batch of that size, or one that cannot grow, is queued."""

    def fill(self, jobs: list[Job], size: int, now: float) -> None:
        """Move queued jobs to those of a batch, up to a size. Cancelled ones are dropped."""

    def drop_cancelled(self) -> None:
        """Free the places of cancelled jobs."""

    def clear(self) -> None:
        """Drop all jobs."""


class FifoQueue(deque[Job]):
    """Jobs in the order of their arrival; each counts one."""

    size = property(deque.__len__)
    size_of = staticmethod(len)

    @property
    def oldest_arrival(self) -> float:
        """When the first job arrived; monotonic seconds."""
        return self[0].arrived_at

    def is_complete(self, target: int) -> bool:
        """Whether so many jobs are queued."""
        return len(self) >= target

    def fill(self, jobs: list[Job], size: int, now: float) -> None:
        """Move jobs to those of a batch, until it has `size`; an exclusive one shares it with no other."""
        while self and len(jobs) < size and not (jobs and (self[0].exclusive or jobs[0].exclusive)):
            job = self.popleft()
            if not job.cancelled:
                job.taken_at = now
                jobs.append(job)

    def drop_cancelled(self) -> None:
        """Free the places of cancelled jobs."""
        remaining = [job for job in self if not job.cancelled]
        self.clear()
        self.extend(remaining)
