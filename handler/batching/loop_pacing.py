"""The event loop and the workers of a quick model, in turns: both need the interpreter's lock, and one can have it."""

from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Protocol

from handler.batching.autotuner import Autotuner
from handler.batching.batcher import Batcher
from handler.job import Answers, Job

QUICK = 0.002
"""Seconds up to which a batch is quick: the event loop may wait so long for one."""
MOST = 0.005
"""Seconds that it waits in one turn, however many batches there are to be done."""
LEAD = 0.9
"""What part of its time a request must stay below in turns: where both get on at the same time, both shall."""
MOMENT = 0.1
"""Seconds that a trial takes: clients that ask again at once have found their rhythm then."""
LEAP = 0.5
"""What has been found at a trickle says nothing of a rush, in which a request takes less than this part of the time."""


def trials() -> Autotuner[bool]:
    """Whether turns are taken, where that may pay."""
    return Autotuner((False, True), lead=LEAD, moment=MOMENT, leap=LEAP)


def never() -> Autotuner[bool]:
    """The same where a batch is not over when its answers are there."""
    return Autotuner((False,))


class EventLoop(Protocol):
    """The methods of the running event loop that pacing needs; an asyncio loop has them."""

    def call_soon(self, callback: Callable[[], object], /) -> object:
        """Call the function at the loop's next turn."""

    def call_soon_threadsafe(self, callback: Callable[[], object], /) -> object:
        """Do the same from another thread."""


class LoopPacer:
    """Hands the jobs of one model version to its workers, and what they have come to back to the event loop.

    As a rule a worker is woken by the first job, and works while the loop reads and writes. With a quick handler, which
    mostly holds the interpreter's lock, the two then wait for each other at every step, and to hand the lock from core
    to core takes longer than the steps themselves. So in company the loop reads all that has come, wakes a worker, and
    sleeps until all is done, or for MOST seconds; then it answers. Whether that pays is found by trying.
    """

    def __init__(
        self, loop: EventLoop, batcher: Batcher, settle: Callable[[Answers], object], contest: Autotuner[bool]
    ) -> None:
        self._loop = loop
        self._batcher = batcher
        self._settle = settle
        self._come: deque[Answers] = deque()
        self._calm: SimpleQueue[None] = SimpleQueue()
        self._planned = False
        self._waiting = False
        self._contest = contest
        self._settled = monotonic()

    def __repr__(self) -> str:
        return f"<LoopPacer {'on' if self._contest.pick() else 'off'}>"

    def submit(self, job: Job) -> None:
        """Give a job to the batcher; raises what that raises."""
        self._batcher.submit(job)
        if self._batcher.held and not self._planned:
            self._planned = True
            self._loop.call_soon(self._take_turn)  # after all that has come by now has been read

    def receive(self, answers: Answers) -> None:
        """Take outcomes from a worker's thread to the event loop: one wake-up for a batch, or for all of a turn."""
        self._come.append(answers)
        if not self._waiting:
            self._loop.call_soon_threadsafe(self._settle_all)
        elif self._batcher.calm:
            self._calm.put(None)

    def _take_turn(self) -> None:
        self._planned = False
        batches = self._batcher.release()
        if self._batcher.longest < QUICK:
            self._waiting = True
            self._wait(min(MOST, batches * QUICK))
            self._waiting = False  # what comes from now on wakes the loop
            self._settle_all()
        else:
            self._batcher.held = False  # whoever is idle may share

    def _wait(self, seconds: float) -> None:
        deadline = monotonic() + seconds
        try:
            while not self._batcher.calm:
                self._calm.get(timeout=max(0.0, deadline - monotonic()))
        except Empty:
            self._batcher.held = False
            self._batcher.release()

    def _settle_all(self) -> None:
        rows = 0
        while self._come:
            answers = self._come.popleft()
            rows += len(answers)
            self._settle(answers)
        if rows:
            self._note(rows)

    def _note(self, rows: int) -> None:
        now = monotonic()
        if self._batcher.usual > 1 and self._batcher.typical < QUICK:
            self._contest.note(rows, now - self._settled)
            self._batcher.held = self._contest.pick()
        else:
            self._batcher.held = False
        self._settled = now
