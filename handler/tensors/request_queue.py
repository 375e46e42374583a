"""The queue of a model that batches requests of tensors: it counts rows, by the rules of Triton's dynamic batching."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from handler.errors import QueueFull
from handler.job import Job

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class QueuePolicy:
    """Limits of the number of waiting requests and of their time."""

    max_size: int = 0
    """Requests; 0 is no limit."""
    timeout: int = 0
    """Microseconds; 0 is no limit."""
    is_delayed: bool = False
    """Whether a request that has waited too long is put behind all others, instead of being refused."""
    may_override: bool = False
    """Whether a request may wait for less time than that."""

    def has_expired(self, job: Job, now: float) -> bool:
        """Whether a request has waited too long."""
        timeout, own = self.timeout, job.input.timeout
        if self.may_override and 0 < own < timeout:
            timeout = own
        return timeout > 0 and now - job.arrived_at > timeout / MICROSECONDS


@dataclass(frozen=True, slots=True)
class BatchingRules:
    """The dynamic batching of one model."""

    max_batch_size: int
    preferred_sizes: Sequence[int] = ()
    delay: float = 0.0
    """Seconds after which a request no longer waits for a preferred size."""
    levels: int = 1
    """Priorities; 1 is served first."""
    default_level: int = 1
    policy: QueuePolicy = QueuePolicy()
    level_policies: Mapping[int, QueuePolicy] = field(default_factory=dict)

    @property
    def best_size(self) -> int:
        """The largest preferred size, the largest size at all where none is preferred."""
        return max(self.preferred_sizes, default=self.max_batch_size)


class RequestQueue:
    """Requests by their priorities. A batch takes those of one group, in order, as many as fit; none is split.

    Where the next one would not fit, or belongs to another group, a batch is complete without it.
    """

    def __init__(self, rules: BatchingRules) -> None:
        self._rules = rules
        self._levels: dict[int, deque[Job]] = {level: deque() for level in range(1, max(1, rules.levels) + 1)}
        self._delayed: deque[Job] = deque()
        self._rows = 0

    def __len__(self) -> int:
        return sum(map(len, self._queues))

    def __iter__(self) -> Iterator[Job]:
        return (job for queue in self._queues for job in queue)

    def __repr__(self) -> str:
        return f"<RequestQueue {len(self)} requests of {self._rows} rows>"

    @property
    def size(self) -> int:
        """The rows of all requests."""
        return self._rows

    @property
    def oldest_arrival(self) -> float:
        """When the request arrived that has waited longest; monotonic seconds."""
        return min(queue[0].arrived_at for queue in self._queues if queue)

    def size_of(self, jobs: list[Job]) -> int:
        """The rows of these requests; those that are not served count nothing."""
        return sum(job.input.rows for job in jobs if not job.expired)

    def append(self, job: Job) -> None:
        """Queue a request; raises QueueFull where its level takes no more."""
        level = self._level_of(job)
        limit = self._policy_of(level).max_size
        if limit and len(self._levels[level]) >= limit:
            self.drop_cancelled()
            if len(self._levels[level]) >= limit:
                raise QueueFull
        self._levels[level].append(job)
        self._rows += job.input.rows

    def is_complete(self, target: int) -> bool:
        """Whether a batch of that size, of a preferred one, or one that cannot grow, is queued."""
        rows, group = 0, None
        for job in self:
            if rows and (rows + job.input.rows > self._rules.best_size or job.input.group != group):
                return True
            group = job.input.group
            rows += job.input.rows
            if rows >= target or rows in self._rules.preferred_sizes:
                return True
        return False

    def fill(self, jobs: list[Job], size: int, now: float) -> None:
        """Move requests to those of a batch, as many as fit; cut at a preferred size that is reached exactly.

        A request that has waited for the whole delay takes with it whatever fits.
        """
        self._expire(jobs, now)
        if not len(self):
            return
        is_overdue = 0 < self._rules.delay <= now - self.oldest_arrival
        limit = size if is_overdue else min(size, self._rules.best_size)
        taken, cut = self._take(limit)
        if cut and not is_overdue:
            self._put_back(taken[cut:])
            taken = taken[:cut]
        for _, job in taken:
            job.taken_at = now
            jobs.append(job)

    def drop_cancelled(self) -> None:
        """Free the places of cancelled requests."""
        for queue in self._queues:
            kept = [job for job in queue if not job.cancelled]
            self._rows -= sum(job.input.rows for job in queue if job.cancelled)
            queue.clear()
            queue.extend(kept)

    def clear(self) -> None:
        """Drop all requests."""
        for queue in self._queues:
            queue.clear()
        self._rows = 0

    @property
    def _queues(self) -> list[deque[Job]]:
        return [*self._levels.values(), self._delayed]

    def _level_of(self, job: Job) -> int:
        level: int = job.input.priority
        return level if level in self._levels else max(1, self._rules.default_level)

    def _policy_of(self, level: int) -> QueuePolicy:
        return self._rules.level_policies.get(level, self._rules.policy)

    def _expire(self, jobs: list[Job], now: float) -> None:
        """Add the requests that have waited too long to the batch, to be refused, or put them behind all others."""
        for level, queue in self._levels.items():
            policy = self._policy_of(level)
            expired = [job for job in queue if policy.has_expired(job, now)] if policy.timeout else ()
            for job in expired:
                queue.remove(job)
                if policy.is_delayed:
                    self._delayed.append(job)
                    continue
                self._rows -= job.input.rows
                if not job.cancelled:
                    job.expired, job.taken_at = True, now
                    jobs.append(job)

    def _take(self, limit: int) -> tuple[list[tuple[deque[Job], Job]], int]:
        """Remove requests up to so many rows, at least one; with the queue of each, and where a preferred size ends."""
        taken: list[tuple[deque[Job], Job]] = []
        rows, cut = 0, 0
        for queue in self._queues:
            while queue:
                job = queue[0]
                fits = not taken or (rows + job.input.rows <= limit and job.input.group == taken[0][1].input.group)
                if not fits and not job.cancelled:
                    return taken, cut
                queue.popleft()
                self._rows -= job.input.rows
                if job.cancelled:
                    continue
                taken.append((queue, job))
                rows += job.input.rows
                cut = len(taken) if rows in self._rules.preferred_sizes else cut
        return taken, cut

    def _put_back(self, taken: Sequence[tuple[deque[Job], Job]]) -> None:
        for queue, job in reversed(taken):
            queue.appendleft(job)
            self._rows += job.input.rows
