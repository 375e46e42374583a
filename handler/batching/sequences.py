"""Sequences: requests that belong together, served in their order, never two at once, and by one worker."""

from collections import Counter, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from time import monotonic

from handler.batching.batcher import Consumer
from handler.errors import QueueFull
from handler.job import Job


@dataclass(frozen=True, slots=True)
class SequenceLimits:
    """Limits of the number of sequences and of their time; `max_seconds` of 0 is no limit."""

    max_sequences: int
    max_queued: int
    """Requests of one sequence that may wait behind the current one."""
    max_idle_seconds: float
    max_seconds: float = 0.0
    forgets_ended: bool = False
    """Whether a sequence is over as soon as its last request is answered, not only when room is needed."""


class Sequence:
    """The state of one sequence: its worker, its queued requests, and since when it has been idle."""

    __slots__ = ("current", "idle_since", "is_ended", "queue", "started_at", "unanswered", "worker")

    def __init__(self, now: float) -> None:
        self.worker: Consumer | None = None
        """The one that keeps its state."""
        self.queue: deque[Job] = deque()
        self.current: Job | None = None
        """The request that was dispatched last, until a handler has seen it."""
        self.unanswered: set[Job] = set()
        """Requests that were dispatched and are not answered."""
        self.is_ended = False
        self.started_at = self.idle_since = now

    def __repr__(self) -> str:
        return (
            f"<Sequence {len(self.queue)} queued, {len(self.unanswered)} running{', ended' if self.is_ended else ''}>"
        )

    @property
    def is_idle(self) -> bool:
        """Whether all its requests are answered."""
        return not self.unanswered and not self.queue

    def is_expired(self, limits: SequenceLimits, now: float) -> bool:
        """Whether it has been idle or open for too long; never while a request of it is queued or running."""
        too_old = limits.max_seconds > 0 and now - self.started_at >= limits.max_seconds
        return self.is_idle and (too_old or now - self.idle_since >= limits.max_idle_seconds)


class Sequences:
    """Decides, under the lock of the batcher that owns it, which jobs may be dispatched and to which worker.

    A sequence begins with its first request, whether that says so or not, and expires when it has been idle for too
    long; one that has ended makes room for another before that. `clock` returns seconds.
    """

    def __init__(self, limits: SequenceLimits, clock: Callable[[], float] = monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._sequences: dict[str, Sequence] = {}

    def __repr__(self) -> str:
        return f"<Sequences {len(self._sequences)} of {self._limits.max_sequences}, {self.queued} jobs queued>"

    @property
    def queued(self) -> int:
        """The number of jobs that wait for the one before them."""
        return sum(len(sequence.queue) for sequence in self._sequences.values())

    def admit(self, job: Job) -> bool:
        """Accept a job; true if it is to be dispatched at once, false if it is queued. Raises QueueFull."""
        sequence = self._sequences.get(job.sequence)
        if sequence is None or sequence.is_expired(self._limits, self._clock()):
            sequence = self._start(job.sequence)
        sequence.is_ended = False
        if sequence.current is None and not sequence.queue:
            return True
        if len(sequence.queue) >= self._limits.max_queued:
            raise QueueFull
        sequence.queue.append(job)
        return False

    def dispatch(self, job: Job) -> None:
        """That job goes to a worker; the next one of its sequence waits until a handler has seen it."""
        sequence = self._sequences[job.sequence]
        sequence.current = job
        sequence.unanswered.add(job)
        if sequence.queue and sequence.queue[0] is job:
            sequence.queue.popleft()

    def recall(self, job: Job, *, requeue: bool) -> None:
        """Take back a dispatch that failed."""
        sequence = self._sequences[job.sequence]
        sequence.current = None
        sequence.unanswered.discard(job)
        if requeue:
            sequence.queue.appendleft(job)

    def advance(self, job: Job) -> Job | None:
        """A handler has seen that job; returns the next one of its sequence if that is to be dispatched now.

        May be repeated until that has succeeded.
        """
        sequence = self._sequences.get(job.sequence)
        if sequence is None:
            return None
        if sequence.current is job:
            sequence.current = None
        return sequence.queue[0] if sequence.current is None and sequence.queue else None

    def complete(self, job: Job) -> None:
        """That job is answered; may be repeated."""
        if sequence := self._sequences.get(job.sequence):
            sequence.unanswered.discard(job)
            sequence.idle_since = self._clock()
            self._forget_ended(job.sequence, sequence)

    def end(self, name: str) -> None:
        """The client or the handler has declared the end of the sequence."""
        if sequence := self._sequences.get(name):
            sequence.is_ended = True
            self._forget_ended(name, sequence)

    def assign_worker(self, job: Job, workers: Collection[Consumer]) -> Consumer:
        """The worker of its sequence, if that is still one of these, else the one with the fewest sequences."""
        sequence = self._sequences[job.sequence]
        if sequence.worker is None or sequence.worker not in workers:
            load = Counter(each.worker for each in self._sequences.values())
            sequence.worker = min(workers, key=load.__getitem__)
        return sequence.worker

    def pop_all(self) -> list[Job]:
        """Forget all sequences; returns the jobs that were queued."""
        jobs = [job for sequence in self._sequences.values() for job in sequence.queue]
        self._sequences.clear()
        return jobs

    def _start(self, name: str) -> Sequence:
        self._sequences.pop(name, None)
        if len(self._sequences) >= self._limits.max_sequences:
            self._evict()
        sequence = self._sequences[name] = Sequence(self._clock())
        return sequence

    def _evict(self) -> None:
        """Forget the expired sequences, or else one that has ended; raises QueueFull."""
        now = self._clock()
        idle = [name for name, sequence in self._sequences.items() if sequence.is_idle]
        expired = [name for name in idle if self._sequences[name].is_expired(self._limits, now)]
        evicted = expired or [name for name in idle if self._sequences[name].is_ended][:1]
        if not evicted:
            raise QueueFull
        for name in evicted:
            del self._sequences[name]

    def _forget_ended(self, name: str, sequence: Sequence) -> None:
        if self._limits.forgets_ended and sequence.is_ended and sequence.is_idle:
            del self._sequences[name]
