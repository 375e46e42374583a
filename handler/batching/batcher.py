"""The queue of one model version: jobs in, batches out. It holds the only lock, and under it only decides."""

from collections import deque
from math import inf
from threading import Condition, Lock, RLock
from time import monotonic

from handler.batching.gather_policy import GatherPolicy
from handler.errors import BatcherClosed, QueueFull
from handler.job import Job

PAUSE = 0.01
"""Seconds between two looks for jobs in a full queue that nobody waits for any more."""


class Batch:
    """The jobs that one worker took together; whoever finishes it first may answer them."""

    __slots__ = ("jobs", "progress")

    def __init__(self, jobs: list[Job]) -> None:
        self.jobs = jobs
        self.progress = jobs[0].taken
        """When the batch was taken, or last sent a piece of a stream; monotonic seconds."""

    def __repr__(self) -> str:
        return f"<Batch of {len(self.jobs)}>"


class Batcher:
    """Jobs wait here until a worker takes them.

    A free worker takes what is there, or its part of that where others are free too. While fewer than `batch_size` jobs
    wait and more are usual, it gathers until `max_delay` seconds after the first arrival. A worker that was busy
    meanwhile finds the time spent.
    Queued jobs count against `capacity`; jobs being worked on do not. Several may share a `lock`.
    """

    def __init__(
        self, batch_size: int, max_delay: float, capacity: int, *, tickets: bool = False, lock: "RLock | None" = None
    ) -> None:
        self.batch_size = max(1, batch_size)
        self.capacity = capacity
        self.held = False
        """Whether jobs wait for `release`, and then for one worker, which gathers and shares nothing."""
        self._delay = max(0.0, max_delay)
        self._tickets = tickets
        self._patience = GatherPolicy(self.batch_size)
        self._jobs: deque[Job] = deque()
        self._taken: set[Batch] = set()
        self._working = 0
        self._wanted = 0  # jobs that the gathering worker waits for; 0 while none gathers
        self._resting: list[Lock] = []  # a bell for each worker that sleeps; the last one went to sleep last
        self._called = 0  # how many have been woken and do not run yet
        self._open = True
        self._forgotten = -inf
        self._lock = lock = lock or RLock()
        self._gathered = Condition(lock)

    def __len__(self) -> int:
        return len(self._jobs)

    def __repr__(self) -> str:
        return f"<Batcher {len(self._jobs)} waiting, {self._working} in work, {'open' if self._open else 'closed'}>"

    @property
    def idle(self) -> bool:
        """Whether no job that somebody waits for is queued or being worked on."""
        with self._lock:
            return not self._working and all(job.left for job in self._jobs)

    @property
    def usual(self) -> int:
        """How many jobs are in flight at once, as a rule."""
        return self._patience.usual

    @property
    def typical(self) -> float:
        """Seconds that a batch is in work, as a rule."""
        return self._patience.typical

    @property
    def longest(self) -> float:
        """Seconds for which the oldest batch in work has been in work; 0 if there is none."""
        with self._lock:
            now = monotonic()
            return now - min((batch.progress for batch in self._taken), default=now)

    @property
    def calm(self) -> bool:
        """Whether no job is queued or being worked on."""
        return not self._jobs and not self._working

    @property
    def full(self) -> bool:
        """Whether a job of this moment would not be accepted."""
        with self._lock:
            return not self._open or self._is_full()

    def submit(self, job: Job) -> None:
        """Accept a job, to be answered exactly once; raises QueueFull or BatcherClosed and then owes nothing."""
        with self._lock:
            if not self._open:
                raise BatcherClosed
            if self._is_full():
                raise QueueFull
            self._jobs.append(job)
            if self._holds:
                return
            if self._wanted:
                if len(self._jobs) == self._wanted:
                    self._gathered.notify()
            else:
                self._call_one()

    def release(self) -> int:
        """Wake a worker for the jobs that were held back; how many batches are to be done, those in work included."""
        with self._lock:
            if self._jobs:
                self._call_one()
            return len(self._taken) + -(-len(self._jobs) // self.batch_size)

    def take(self, worker: "Taker") -> Batch | None:
        """Wait for the next batch; None once the batcher is closed and empty, or the worker is to leave."""
        with self._lock:
            while True:
                if not self._wait_for_jobs(worker):
                    return None
                self._gather()
                self._patience.note(self._working + len(self._jobs))
                jobs = self._fill([], self._fair(len(self._jobs)))
                if jobs:
                    batch = Batch(jobs)
                    self._taken.add(batch)
                    self._working += len(jobs)
                    return batch

    def finish(self, batch: Batch) -> bool:
        """Claim the right to answer a batch: true for the first claim, false for any later one."""
        with self._lock:
            if batch not in self._taken:
                return False
            self._taken.remove(batch)
            self._working -= len(batch.jobs)
            self._patience.served(monotonic() - batch.jobs[0].taken)
            return True

    def renew(self, batch: Batch, going: list[Job], worker: "Taker") -> bool:
        """Let a batch go on with these of its jobs, and with others that wait, in the places of those that are done.

        Claims the right to answer what its jobs have come to, as `finish` does for the last time; false if that was
        claimed before. A batch with no job left is finished.
        """
        with self._lock:
            if batch not in self._taken:
                return False
            self._working -= len(batch.jobs)
            jobs = [job for job in going if not job.left]
            batch.jobs = jobs if worker.leaving else self._fill(jobs, self.batch_size)
            batch.progress = monotonic()
            self._working += len(batch.jobs)
            if not batch.jobs:
                self._taken.remove(batch)
            return True

    def wake(self) -> None:
        """Let idle workers look again whether they are to leave."""
        with self._lock:
            self._call_all()

    def close(self) -> None:
        """Accept no more jobs; workers serve what waits, without gathering, and then leave."""
        with self._lock:
            self._open = False
            self._call_all()
            self._gathered.notify_all()

    def clear(self) -> list[Job]:
        """Hand back the jobs that still wait; whoever asked for them has to answer them."""
        with self._lock:
            jobs, self._jobs = list(self._jobs), deque()
            return jobs

    def _call_one(self) -> None:
        """Wake an idle worker that nobody has woken, if there is one: the last that worked, whose caches are warm."""
        if self._resting:
            self._called += 1
            self._resting.pop().release()

    def _call_all(self) -> None:
        while self._resting:
            self._call_one()

    def _rest(self) -> None:
        bell = Lock()
        bell.acquire()
        self._resting.append(bell)
        self._lock.release()
        bell.acquire()
        self._lock.acquire()
        self._called -= 1

    @property
    def _sleeping(self) -> int:
        """How many workers are idle, those included that have been woken."""
        return len(self._resting) + self._called

    @property
    def _holds(self) -> bool:
        """Jobs are not held while the queue fills: it would refuse what there is time for."""
        return self.held and 2 * len(self._jobs) <= self.capacity

    def _is_full(self) -> bool:
        if len(self._jobs) < self.capacity and not self._tickets:
            return False
        self._forget_gone()
        return len(self._jobs) >= (min(self.capacity, self._sleeping) if self._tickets else self.capacity)

    def _forget_gone(self) -> None:
        """Give the places of jobs that nobody waits for to others; in a rush it is enough to look now and then."""
        now = monotonic()
        if now < self._forgotten + PAUSE:
            return
        self._forgotten = now
        self._jobs = deque(job for job in self._jobs if not job.left)

    def _wait_for_jobs(self, worker: "Taker") -> bool:
        while not worker.leaving:
            if self._jobs and not self._wanted:
                return True
            if not self._open and not self._jobs:
                return False
            self._rest()
        if self._jobs:  # it may have been woken for a job that it will not take
            self._call_one()
        return False

    def _gather(self) -> None:
        began = monotonic()
        most = self._jobs[0].arrived + self._delay - began
        if self.held or len(self._jobs) >= self._missing() or most <= 0:
            return
        allowed = self._patience.allowance(most)
        if not allowed:
            return
        deadline = began + allowed
        while self._open:
            self._wanted = self._missing()
            rest = deadline - monotonic()
            if len(self._jobs) >= self._wanted or rest <= 0 or not self._gathered.wait(rest):
                break
        came = len(self._jobs) >= self._wanted
        self._wanted = 0
        self._patience.gathered(monotonic() - began if came else inf)

    def _missing(self) -> int:
        """How many jobs a batch waits for."""
        return self._fair(self._patience.usual - self._working)

    def _fair(self, jobs: int) -> int:
        """How many of so many jobs one batch is to have: idle workers share them, as they compute at the same time."""
        return min(self.batch_size, jobs if self.held else -(-jobs // (1 + self._sleeping)))

    def _fill(self, jobs: list[Job], most: int) -> list[Job]:
        """Add jobs that wait to those of a batch, up to `most`."""
        now = monotonic()
        while self._jobs and len(jobs) < most and not (jobs and (self._jobs[0].alone or jobs[0].alone)):
            job = self._jobs.popleft()
            if not job.left:
                job.taken = now
                jobs.append(job)
        if self._jobs and not self._holds:
            self._call_one()
        return jobs


class Taker:
    """What the batcher needs to know of a worker."""

    leaving = False
    """Set (before `Batcher.wake`) to make the worker's next `take` return None."""
