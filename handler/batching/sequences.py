"""Sequences: requests that belong together, served in their order, never two at once, and by one worker."""

from collections import Counter, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from time import monotonic

from handler.batching.batcher import Taker
from handler.errors import QueueFull
from handler.job import Job


@dataclass(frozen=True, slots=True)
class Limits:
    """How many sequences there may be, and for how long; 0 seconds of `lifetime` are no limit."""

    sequences: int
    held: int
    """Requests of one sequence that may wait behind the one whose turn it is."""
    idle: float
    """Seconds without a request after which a sequence is over."""
    lifetime: float = 0.0


class Sequence:
    """One sequence: whose it is, what waits, and since when nothing has happened."""

    __slots__ = ("began", "ended", "held", "out", "rested", "turn", "worker")

    def __init__(self, now: float) -> None:
        self.worker: Taker | None = None
        """Who keeps its state."""
        self.held: deque[Job] = deque()
        self.turn: Job | None = None
        """The request that was handed out last, until a handler has seen it."""
        self.out = 0
        """Requests that were handed out and are not answered."""
        self.ended = False
        self.began = self.rested = now

    def __repr__(self) -> str:
        return f"<Sequence {len(self.held)} held, {self.out} out{', ended' if self.ended else ''}>"

    def is_over(self, limits: Limits, now: float) -> bool:
        """Whether it has rested or lived too long; never while anything of it waits or is in work."""
        too_old = limits.lifetime > 0 and now - self.began >= limits.lifetime
        return self.is_quiet and (too_old or now - self.rested >= limits.idle)

    @property
    def is_quiet(self) -> bool:
        """Whether all its requests are answered."""
        return not self.out and not self.held


class Sequences:
    """Decides, under the lock of the batcher that owns it, which jobs may be handed out and to whom.

    A sequence begins with its first request, whether that says so or not, and is over when it has rested for too long;
    one that has ended makes room for another before that. `clock` gives seconds.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._known: dict[str, Sequence] = {}

    def __repr__(self) -> str:
        return f"<Sequences {len(self._known)} of {self._limits.sequences}, {self.held} jobs held>"

    @property
    def held(self) -> int:
        """How many jobs wait for the one before them."""
        return sum(len(sequence.held) for sequence in self._known.values())

    def admit(self, job: Job) -> bool:
        """Take a job in; true if it may be handed out at once. Raises QueueFull."""
        sequence = self._known.get(job.sequence)
        if sequence is None or sequence.is_over(self._limits, self._clock()):
            sequence = self._begin(job.sequence)
        sequence.ended = False
        if sequence.turn is None:
            self._hand_out(sequence, job)
            return True
        if len(sequence.held) >= self._limits.held:
            raise QueueFull
        sequence.held.append(job)
        return False

    def seen(self, job: Job) -> Job | None:
        """A handler has seen that job; returns the next one of its sequence, which may be handed out now."""
        sequence = self._known.get(job.sequence)
        if sequence is None or sequence.turn is not job:
            return None
        sequence.turn = None
        if not sequence.held:
            return None
        return self._hand_out(sequence, sequence.held.popleft())

    def answered(self, job: Job) -> None:
        """That job needs no worker any more."""
        if sequence := self._known.get(job.sequence):
            sequence.out -= 1
            sequence.rested = self._clock()

    def end(self, name: str) -> None:
        """The client or the handler has declared the sequence to be at its end."""
        if sequence := self._known.get(name):
            sequence.ended = True

    def worker_of(self, job: Job, workers: Collection[Taker]) -> Taker:
        """Who serves a job: whoever serves its sequence, if still among these, else who has the fewest sequences."""
        sequence = self._known[job.sequence]
        if sequence.worker is None or sequence.worker not in workers:
            load = Counter(each.worker for each in self._known.values())
            sequence.worker = min(workers, key=load.__getitem__)
        return sequence.worker

    def clear(self) -> list[Job]:
        """Forget all sequences; returns the jobs that were held."""
        jobs = [job for sequence in self._known.values() for job in sequence.held]
        self._known.clear()
        return jobs

    def _begin(self, name: str) -> Sequence:
        self._known.pop(name, None)
        if len(self._known) >= self._limits.sequences:
            self._make_room()
        sequence = self._known[name] = Sequence(self._clock())
        return sequence

    def _make_room(self) -> None:
        """Forget what is over, or else one sequence that has ended; raises QueueFull."""
        now = self._clock()
        quiet = [name for name, sequence in self._known.items() if sequence.is_quiet]
        over = [name for name in quiet if self._known[name].is_over(self._limits, now)]
        leaving = over or [name for name in quiet if self._known[name].ended][:1]
        if not leaving:
            raise QueueFull
        for name in leaving:
            del self._known[name]

    def _hand_out(self, sequence: Sequence, job: Job) -> Job:
        sequence.turn = job
        sequence.out += 1
        return job
