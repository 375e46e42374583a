"""Lets the event loop and the workers of a quick model run in turn: both need the interpreter's lock."""

from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Protocol

from handler.batching.autotuner import Autotuner, Decision
from handler.batching.batcher import Batcher
from handler.errors import PredictionFailed
from handler.job import Job, JobOutcomes, StreamChunk

RETRY_SECONDS = 0.1  # until a delivery that failed is tried again
QUICK_BATCH_SECONDS = 0.002  # the event loop may wait for batches that take less
MAX_WAIT_SECONDS = 0.005  # however many batches there are to be done
BLOCK_SECONDS = 0.05  # clients that ask again at once have settled into a rhythm by then


def pacing_autotuner(on_change: Callable[[Decision], object] | None = None) -> Autotuner[bool]:
    """Tries whether the loop should wait; `on_change` is called with each change."""
    return Autotuner((False, True), block_seconds=BLOCK_SECONDS, on_change=on_change)


def no_pacing() -> Autotuner[bool]:
    """The loop never waits: for models whose batch is not over when its outcomes are there."""
    return Autotuner((False,))


class EventLoop(Protocol):
    """The methods of the running event loop that pacing needs; an asyncio loop has them."""

    def call_soon(self, callback: Callable[[], object], /) -> object:
        """Call the function in the loop's next iteration."""

    def call_later(self, delay: float, callback: Callable[[], object], /) -> object:
        """Call the function in so many seconds."""

    def call_soon_threadsafe(self, callback: Callable[[], object], /) -> object:
        """The same, from another thread."""


class LoopPacer:
    """Passes the jobs of one model version to its batcher, and their outcomes to `deliver` on the event loop.

    As a rule the first job wakes a worker, which runs while the loop reads and writes. With a quick handler, which
    mostly holds the interpreter's lock, the two then wait for each other at every step, and passing the lock from core
    to core takes longer than the steps themselves. So while several requests are in flight the loop reads all that has
    come, wakes a worker, and blocks until everything is done, or for MAX_WAIT_SECONDS; then it delivers. Whether that
    pays is found by trying.
    """

    def __init__(
        self, loop: EventLoop, batcher: Batcher, deliver: Callable[[JobOutcomes], object], autotuner: Autotuner[bool]
    ) -> None:
        self._loop = loop
        self._batcher = batcher
        self._deliver = deliver
        self._autotuner = autotuner
        self._outcomes: deque[JobOutcomes] = deque()
        self._emptied: SimpleQueue[None] = SimpleQueue()
        self._scheduled = False
        self._blocking = False
        self._delivered_at = monotonic()

    def __repr__(self) -> str:
        return f"<LoopPacer {'on' if self._autotuner.choose() else 'off'}>"

    @property
    def is_pacing(self) -> bool:
        """Whether the loop waits now, but for trials."""
        return self._autotuner.best and self._batcher.expected_in_flight > 1

    def submit(self, job: Job) -> None:
        """Submit a job to the batcher; raises what that raises."""
        self._batcher.submit(job)
        if self._batcher.deferred and not self._scheduled:
            self._loop.call_soon(self._run_deferred)  # after all that has come by now has been read
            self._scheduled = True

    def receive(self, outcomes: JobOutcomes) -> None:
        """Thread-safe: hand outcomes to the event loop, with one wake-up for a batch, or for all it waits for."""
        self._outcomes.append(outcomes)
        if not self._blocking:
            self._loop.call_soon_threadsafe(self._deliver_all)
        elif self._batcher.is_empty:
            self._emptied.put(None)

    def recover(self) -> None:
        """Deliver what waits here, and release what is deferred, if a call of the loop was lost; on the loop."""
        self._deliver_all()
        if self._scheduled:
            self._scheduled = False
            self._stop_deferring()

    def _deliver_all(self) -> None:
        rows = 0
        while self._outcomes:
            outcomes = self._outcomes.popleft()
            rows += len(outcomes)
            try:
                self._deliver(outcomes)
            except BaseException:
                self._retain(outcomes)
                raise
        if rows:
            self._record(rows)

    def _retain(self, outcomes: JobOutcomes) -> None:
        """Keep outcomes that may not have been delivered. Replies take theirs once; streams must not repeat a chunk."""
        self._outcomes.appendleft(
            [(job, PredictionFailed() if isinstance(outcome, StreamChunk) else outcome) for job, outcome in outcomes]
        )
        self._loop.call_later(RETRY_SECONDS, self._deliver_all)

    def _run_deferred(self) -> None:
        self._scheduled = False
        try:
            batches = self._batcher.release_deferred()
            if self._batcher.oldest_batch_seconds < QUICK_BATCH_SECONDS:
                self._blocking = True
                self._block(min(MAX_WAIT_SECONDS, batches * QUICK_BATCH_SECONDS))
            else:
                self._batcher.deferred = False  # idle workers may share
        except BaseException:
            self._stop_deferring()
            raise
        finally:
            self._blocking = False  # outcomes wake the loop from now on
            self._deliver_all()

    def _block(self, seconds: float) -> None:
        deadline = monotonic() + seconds
        try:
            while not self._batcher.is_empty:
                self._emptied.get(timeout=max(0.0, deadline - monotonic()))
        except Empty:
            self._stop_deferring()

    def _stop_deferring(self) -> None:
        self._batcher.deferred = False
        self._batcher.release_deferred()

    def _record(self, rows: int) -> None:
        now = monotonic()
        # A worker that takes each job while the loop reads the next one sees one in flight; the loop sees them all.
        in_flight = max(rows, self._batcher.expected_in_flight)
        if in_flight > 1 and self._batcher.median_batch_seconds < QUICK_BATCH_SECONDS:
            self._autotuner.record(rows, now - self._delivered_at)
            self._batcher.deferred = self._autotuner.choose()
        else:
            self._batcher.deferred = False
        self._delivered_at = now
