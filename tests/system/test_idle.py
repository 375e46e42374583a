"""Between requests nothing runs: a platform may take the processor away unnoticed."""

import asyncio
import sys
import threading
from pathlib import Path
from time import perf_counter
from types import FrameType

import pytest

from app.logging.access_log import MAX_PENDING_REQUESTS
from tests.conftest import MakeArchive
from tests.support.serving import serving

MODELS = ("a", "b", "c", "d", "e")
SAYS = "def handle(data, context):\n    return data and ['said'] * len(data)\n"


class Timers:
    """The timers that an event loop has been asked for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._call_at = loop, loop.call_at
        self._all: list[asyncio.TimerHandle] = []
        loop.call_at = self._record  # type: ignore[method-assign, assignment]

    def waiting(self) -> list[float]:
        """In how many seconds each will ring that still can."""
        now = self._loop.time()
        return [timer.when() - now for timer in self._all if not timer.cancelled() and timer.when() > now]

    def _record(self, *arguments: object, **options: object) -> asyncio.TimerHandle:
        timer = self._call_at(*arguments, **options)  # type: ignore[arg-type]
        self._all.append(timer)
        return timer


@pytest.mark.anyio
async def test_five_idle_models_have_neither_timers_that_ring_soon_nor_threads_that_wake(
    store: Path, archive: MakeArchive
) -> None:
    for name in MODELS:
        archive(name, SAYS, config="batchSize: 8\nmaxBatchDelay: 10\n")
    timers = Timers(asyncio.get_running_loop())
    async with serving(store, *(f"{name}.mar" for name in MODELS)) as client:
        for name in MODELS:
            assert (await client.predict(name, "x")).status_code == 200
        for _ in range(500):  # the log is written a moment after an answer
            if min(timers.waiting(), default=60.0) < 1:
                await asyncio.sleep(0.01)
        # What is left looks for a hanging handler, once, when the time for an answer has passed.
        assert len(timers.waiting()) <= len(MODELS)
        assert all(seconds > 60 for seconds in timers.waiting())
        waits = {thread.name: _waits_for(thread) for thread in threading.enumerate() if thread.name.startswith("W-")}
        assert len(waits) == len(MODELS)
        assert set(waits.values()) == {None}


def _waits_for(thread: threading.Thread) -> float | None:
    """The seconds after which a waiting thread would wake by itself; fails for one that does not wait."""
    frame: FrameType | None = sys._current_frames()[thread.ident or 0]
    while frame is not None and frame.f_code.co_name not in ("wait", "_sleep"):
        frame = frame.f_back
    assert frame is not None, f"{thread.name} does not wait"
    return frame.f_locals.get("timeout")


@pytest.mark.anyio
async def test_a_rush_of_lines_sets_one_timer(store: Path) -> None:
    timers = Timers(asyncio.get_running_loop())
    async with serving(store) as client:
        for _ in range(3 * MAX_PENDING_REQUESTS):
            client.application.logs.access.write(None, "GET", b"/ping", "1.1", 200, perf_counter())
        assert sum(seconds < 1 for seconds in timers.waiting()) == 1
