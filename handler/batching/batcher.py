"""The queue of one model version: jobs in, batches out. It holds the only lock, and under it only decides."""

from math import inf
from threading import Condition, Lock, RLock
from time import monotonic

from handler.batching.gather_policy import GatherPolicy
from handler.batching.job_queue import FifoQueue, JobQueue
from handler.errors import BatcherClosed, QueueFull
from handler.job import Job

CANCELLED_SCAN_SECONDS = 0.01  # between two searches of a full queue for cancelled jobs


class Batch:
    """The jobs that one worker took together; the first to finish it may answer them. Times are monotonic seconds."""

    __slots__ = ("jobs", "progressed_at", "size", "taken_at")

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.size = 0
        """The weight of the jobs among the running ones."""
        self.taken_at = self.progressed_at = monotonic()
        """When it was taken, and when it last sent a chunk of a stream."""

    def __repr__(self) -> str:
        return f"<Batch of {len(self.jobs)}>"


class Consumer:
    """The batcher's view of a worker."""

    stopping = False
    """Set (before `Batcher.wake_workers`) to make the worker's next `take` return None."""
    batch: Batch | None = None
    """The batch in hand. `take` sets it before it moves any job there: none is lost, whatever fails then."""


class Batcher:
    """Jobs wait here until a worker takes them.

    An idle worker takes what is queued, or its share where others are idle too. While fewer than `batch_size` jobs are
    queued and more are expected, it gathers until `max_delay` seconds after the first arrival. A worker that was busy
    meanwhile finds that time spent.
    Queued jobs count against `capacity`; running ones do not. Unless it is `adaptive` it expects full batches,
    and gathers for the whole delay. With `tickets` a job is accepted if a worker is idle. Batchers may share a `lock`.
    `queue` decides over the order of the jobs, and what each counts in a batch: one, in a plain queue.
    """

    def __init__(
        self, batch_size: int, max_delay: float, capacity: int, *, adaptive: bool = True, tickets: bool = False,
        lock: "RLock | None" = None, queue: JobQueue | None = None,
    ) -> None:  # fmt: skip
        self.batch_size = max(1, batch_size)
        self.capacity = capacity
        self.deferred = False
        """Whether jobs wait for `release_deferred`, and then for one worker, which neither gathers nor shares."""
        self._max_delay = max(0.0, max_delay)
        self._adaptive = adaptive
        self._tickets = tickets
        self._policy = GatherPolicy(self.batch_size)
        self._jobs: JobQueue = FifoQueue() if queue is None else queue
        self._batches: set[Batch] = set()
        self._running = 0  # size of the running batches
        self._gather_target = 0  # size that the gathering worker waits for; 0 while none gathers
        self._idle_workers: list[Lock] = []  # a wakeup for each worker that sleeps; the last one fell asleep last
        self._woken = 0  # workers that were woken and do not run yet
        self._open = True
        self._cancelled_scan = -inf
        self._lock = lock = lock or RLock()
        self._gathered = Condition(lock)

    def __len__(self) -> int:
        return len(self._jobs)

    def __repr__(self) -> str:
        return f"<Batcher {len(self._jobs)} queued, {self._running} running, {'open' if self._open else 'closed'}>"

    @property
    def is_idle(self) -> bool:
        """Whether no job of a connected client is queued or running."""
        with self._lock:
            return not self._running and all(job.cancelled for job in self._jobs)

    @property
    def is_empty(self) -> bool:
        """Whether no job is queued or running."""
        return not self._jobs and not self._running

    @property
    def is_open(self) -> bool:
        """Whether it accepts jobs, until it is closed."""
        return self._open

    @property
    def is_full(self) -> bool:
        """Whether a job submitted now would be refused."""
        with self._lock:
            return not self._open or not self._has_capacity()

    @property
    def expected_in_flight(self) -> int:
        """The usual number of jobs in flight at once."""
        return self._policy.expected_in_flight

    @property
    def is_gathering(self) -> bool:
        """Whether batches wait for the jobs that are expected."""
        return self.batch_size > 1 and (self._policy.is_gathering or not self._adaptive)

    @property
    def median_batch_seconds(self) -> float:
        """The time that a batch is in work, as a rule."""
        return self._policy.median_batch_seconds

    @property
    def oldest_batch_seconds(self) -> float:
        """The time since the oldest running batch was taken; 0 if there is none."""
        with self._lock:
            now = monotonic()
            return now - min((batch.progressed_at for batch in self._batches), default=now)

    def submit(self, job: Job) -> None:
        """Accept a job, to be answered exactly once; raises QueueFull or BatcherClosed and then owes nothing."""
        with self._lock:
            if not self._open:
                raise BatcherClosed
            if (self._tickets or len(self._jobs) >= self.capacity) and not self._has_capacity():
                raise QueueFull
            self._jobs.append(job)
            if self.deferred and self._is_deferring:
                return
            if not self._gather_target:
                self._wake_one()
            elif self._jobs.is_complete(self._gather_target):
                self._gathered.notify()

    def release_deferred(self) -> int:
        """Wake a worker for the deferred jobs; returns how many batches are to be done, running ones included."""
        with self._lock:
            if self._jobs:
                self._wake_one()
            return len(self._batches) + -(-self._jobs.size // self.batch_size)

    def take(self, worker: Consumer) -> Batch | None:
        """Wait for the next batch; None once the batcher is closed and empty, or the worker is stopping."""
        with self._lock:
            while self._wait_for_jobs(worker):
                if self.batch_size > 1:
                    self._gather()
                queued = self._jobs.size
                self._policy.record_in_flight(self._running + queued)
                worker.batch = batch = Batch()
                self._batches.add(batch)
                self._fill(batch, self._share(queued) if self.batch_size > 1 else 1)
                if batch.jobs:
                    return batch
                self._batches.remove(batch)
                worker.batch = None
            return None

    def has(self, batch: Batch) -> bool:
        """Whether a batch is running."""
        return batch in self._batches

    def finish(self, batch: Batch) -> bool:
        """Claim the right to answer a batch: true for the first claim, false for any later one."""
        with self._lock:
            if batch not in self._batches:
                return False
            self._policy.record_batch(monotonic() - batch.taken_at)
            self._running -= batch.size
            self._batches.remove(batch)
            return True

    def continue_batch(self, batch: Batch, unfinished: list[Job], worker: Consumer) -> bool:
        """Keep a batch running with its unfinished jobs, and fill the places of the others with queued ones.

        Claims the right to answer the outcomes so far, as `finish` does for the last time; false if that was claimed
        before. A batch without jobs is finished.
        """
        with self._lock:
            if batch not in self._batches:
                return False
            batch.jobs = [job for job in unfinished if not job.cancelled]
            batch.progressed_at = monotonic()
            self._fill(batch, 0 if worker.stopping else self.batch_size)
            if not batch.jobs:
                self._batches.remove(batch)
            return True

    def wake_workers(self) -> None:
        """Let idle workers look again whether they are to stop."""
        with self._lock:
            self._wake_all()

    def close(self) -> None:
        """Accept no more jobs; workers serve what is queued, without gathering, and then stop."""
        with self._lock:
            self._open = False
            self._wake_all()
            self._gathered.notify_all()

    def pop_all(self) -> list[Job]:
        """Remove and return the queued jobs; the caller has to answer them."""
        with self._lock:
            jobs = list(self._jobs)
            self._jobs.clear()
            return jobs

    @property
    def _is_deferring(self) -> bool:
        """Jobs are not deferred once half the queue is full: it would refuse what there is time for."""
        return self.deferred and 2 * len(self._jobs) <= self.capacity

    @property
    def _idle_count(self) -> int:
        """The number of workers that are idle, including those that were woken and do not run yet."""
        return len(self._idle_workers) + self._woken

    def _has_capacity(self) -> bool:
        if len(self._jobs) < self.capacity and not self._tickets:
            return True
        self._drop_cancelled()
        return len(self._jobs) < (min(self.capacity, self._idle_count) if self._tickets else self.capacity)

    def _drop_cancelled(self) -> None:
        """Free the places of cancelled jobs; under overload it is enough to search now and then."""
        now = monotonic()
        if now >= self._cancelled_scan + CANCELLED_SCAN_SECONDS:
            self._cancelled_scan = now
            self._jobs.drop_cancelled()

    def _wake_one(self) -> None:
        """Wake the idle worker that worked last, whose caches are warm; no-op if all are busy or woken already."""
        if self._idle_workers:
            wakeup = self._idle_workers.pop()
            self._woken += 1
            wakeup.release()

    def _wake_all(self) -> None:
        while self._idle_workers:
            self._wake_one()

    def _sleep(self) -> None:
        """Release the lock until the calling worker is woken."""
        wakeup = Lock()
        wakeup.acquire()
        self._idle_workers.append(wakeup)
        self._lock.release()
        wakeup.acquire()
        self._lock.acquire()
        self._woken -= 1

    def _wait_for_jobs(self, worker: Consumer) -> bool:
        while not worker.stopping:
            if self._jobs and not self._gather_target:
                return True
            if not self._open and not self._jobs:
                return False
            self._sleep()
        if self._jobs:  # it may have been woken for a job that it will not take
            self._wake_one()
        return False

    def _gather(self) -> None:
        started_at = monotonic()
        delay = self._jobs.oldest_arrival + self._max_delay - started_at
        if self.deferred or self._jobs.is_complete(self._missing_jobs()) or delay <= 0:
            return
        max_wait = self._policy.max_wait(delay) if self._adaptive else delay
        if not max_wait:
            return
        try:
            while self._open:
                self._gather_target = self._missing_jobs()
                remaining = started_at + max_wait - monotonic()
                if self._jobs.is_complete(self._gather_target) or remaining <= 0 or not self._gathered.wait(remaining):
                    break
            is_complete = self._jobs.is_complete(self._gather_target)
        finally:
            self._gather_target = 0
        self._policy.record_gathering(monotonic() - started_at if is_complete else inf)

    def _missing_jobs(self) -> int:
        """The size that the next batch should have."""
        return self._share(self._policy.expected_in_flight - self._running) if self._adaptive else self.batch_size

    def _share(self, size: int) -> int:
        """The part of a size that one batch gets: idle workers share them, as they compute at the same time."""
        return min(self.batch_size, size if self.deferred else -(-size // (1 + self._idle_count)))

    def _fill(self, batch: Batch, size: int) -> None:
        """Move queued jobs to those of a batch, up to `size`, and count what it has now."""
        self._jobs.fill(batch.jobs, size, monotonic())
        before, batch.size = batch.size, self._jobs.size_of(batch.jobs)
        self._running += batch.size - before
        if self._jobs and not self._is_deferring:
            self._wake_one()
