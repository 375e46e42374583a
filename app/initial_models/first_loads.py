"""Waits until every version has been tried: one of its workers serves, or has failed to load."""

import asyncio
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import suppress

from model_registry.served_version import ServedVersion


async def first_loads(versions: Iterable[ServedVersion]) -> None:
    """Return when the first load of each version is over, however it ended."""
    for version in versions:
        pool = version.pool
        if pool.workers and not (pool.ready_count or pool.is_failing):
            await _first_done([worker.loaded for worker in pool.workers])


async def _first_done(futures: Iterable[Future[None]]) -> None:
    """Return when one is done; asyncio's own wrappers would cancel the others with the caller."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def wake(future: Future[None]) -> None:
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(done.set)

    for future in futures:
        future.add_done_callback(wake)
    await done.wait()
