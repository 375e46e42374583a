"""Finds models whose code keeps the interpreter's lock: their workers serve more as processes than as threads."""

from collections.abc import Callable
from pathlib import Path
from threading import Lock, Thread, get_ident
from time import monotonic, perf_counter, sleep, thread_time

from handler.server_random import RANDOM

RUN_QUEUE = Path("/proc/thread-self/schedstat")
"""Linux: nanoseconds that the calling thread has run, and has been ready to run without a core."""
MIN_SLEEP_SECONDS, MAX_SLEEP_SECONDS = 0.003, 0.015  # between two samples, at random, as batches have a rhythm
LONG_WAIT_SECONDS = 0.001  # the lock is free sooner between the steps of the event loop, or two calls of torch
LONG_WAITS_FRACTION = 0.45  # of a round's samples; models that compute outside of the lock come to 0.1
MIN_BATCH_SECONDS = 0.002  # of computing: shorter batches lose as much on their way to a process
ROUND_SAMPLES = 60  # about 0.7 s
MIN_ROUND_SAMPLES = 20  # where a busy machine lets the round take no more before it is over
MAX_ROUND_SECONDS = 3.0
REQUIRED_ROUNDS = 2  # one after the other
SETTLING_SECONDS = 0.5  # before a first round, and before one that may confirm another
MIN_REST_SECONDS, MAX_REST_SECONDS = 5.0, 60.0  # after rounds that have found nothing: twice as long each time


def sample_lock_wait(seconds: float) -> float:
    """Sleep; returns the seconds that the calling thread then waits for the interpreter's lock.

    The time without a core does not count, where the system shows it: that of a busy machine.
    """
    without_core = core_wait_seconds()
    started_at = perf_counter()
    sleep(seconds)
    late = perf_counter() - started_at - seconds
    return late - (core_wait_seconds() - without_core)


def core_wait_seconds() -> float:
    """The time that the calling thread was ready to run and had no core; 0 where the system does not tell."""
    try:
        return int(RUN_QUEUE.read_bytes().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


class LockProbe:
    """Takes samples of the wait for the interpreter's lock, on a thread that runs while a version asks for them."""

    def __init__(self, sample: Callable[[float], float] = sample_lock_wait) -> None:
        self.running: dict[int, LockContention] = {}
        """The thread of each running batch, and the version that it belongs to."""
        self._sample = sample
        self._lock = Lock()
        self._probed: list[LockContention] = []

    def __repr__(self) -> str:
        return f"<LockProbe for {len(self._probed)} versions>"

    def add(self, contention: "LockContention") -> None:
        """Give a version samples until its round is over."""
        with self._lock:
            self._probed.append(contention)
            try:
                if len(self._probed) == 1:
                    Thread(target=self._run, name="lock probe", daemon=True).start()
            except RuntimeError:  # the system has no more threads: then nothing moves
                self._probed.clear()

    def _run(self) -> None:
        is_probing = True
        while is_probing:
            involved = set(self.running.values())
            wait = self._sample(RANDOM.uniform(MIN_SLEEP_SECONDS, MAX_SLEEP_SECONDS))
            involved.update(self.running.values())
            with self._lock:  # the end, too: `add` starts another thread for what comes after it
                self._probed = [each for each in self._probed if each.record(wait, involved)]
                is_probing = bool(self._probed)


class LockContention:
    """Decides whether the code of a version keeps the interpreter's lock. The version's workers share it.

    Once several requests are in flight, a probe takes rounds of samples. Where a thread that wakes up has often to wait
    for the lock for long, while batches of this version run and none of another, code of Python's own keeps it: the
    event loop and the other workers wait alike. `may_move` is asked once that is certain.
    """

    def __init__(self, probe: LockProbe, may_move: Callable[[], bool]) -> None:
        self.is_found = False
        """Whether the workers are to move to processes."""
        self._probe = probe
        self._may_move = may_move
        self._starting = Lock()
        self._is_probed = False
        self._found_rounds = 0
        self._rest_seconds = MIN_REST_SECONDS
        self._due_at = 0.0
        self._samples = self._long_waits = self._batches = 0
        self._cpu_seconds = 0.0

    def __repr__(self) -> str:
        state = "found" if self.is_found else "sought" if self._is_probed else "not sought"
        return f"<LockContention, {state}>"

    def start(self) -> float:
        """A batch begins on the calling thread; returns its processor time, for `finish`."""
        self._probe.running[get_ident()] = self
        if not self._is_probed and monotonic() >= self._due_at:
            with self._starting:
                self._start_round()
        return thread_time() if self._is_probed else 0.0

    def finish(self, started_at: float) -> None:
        """The batch has ended."""
        self._probe.running.pop(get_ident(), None)
        if started_at and self._is_probed:
            self._batches, self._cpu_seconds = self._batches + 1, self._cpu_seconds + thread_time() - started_at

    def record(self, wait: float, involved: "set[LockContention]") -> bool:
        """Add a sample, and the versions whose batches ran meanwhile; returns whether the round goes on."""
        if not involved - {self}:
            self._samples += 1
            self._long_waits += self in involved and wait >= LONG_WAIT_SECONDS
        if self._samples < ROUND_SAMPLES and monotonic() < self._due_at:
            return True
        self._end_round()
        return False

    def _start_round(self) -> None:
        if self._is_probed:  # by another worker
            return
        if not self._due_at:  # imports, and the first batches of a model, keep the lock for reasons of their own
            self._due_at = monotonic() + SETTLING_SECONDS
            return
        self._is_probed = True
        self._due_at = monotonic() + MAX_ROUND_SECONDS
        self._samples = self._long_waits = self._batches = 0
        self._cpu_seconds = 0.0
        self._probe.add(self)

    def _end_round(self) -> None:
        is_kept = self._samples >= MIN_ROUND_SAMPLES and self._long_waits >= LONG_WAITS_FRACTION * self._samples
        is_long = self._batches > 0 and self._cpu_seconds >= MIN_BATCH_SECONDS * self._batches
        self._found_rounds = self._found_rounds + 1 if is_kept and is_long else 0
        if self._found_rounds:
            self._due_at = monotonic() + SETTLING_SECONDS
        else:
            self._due_at = monotonic() + self._rest_seconds
            self._rest_seconds = min(2 * self._rest_seconds, MAX_REST_SECONDS)
        if self._found_rounds >= REQUIRED_ROUNDS:
            self.is_found = self._may_move()
            self._due_at = float("inf")
        self._is_probed = False
