"""Noticing that a client has gone, so that nobody works for it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import Receive, Scope


@contextmanager
def cancelled_when_gone(scope: Scope, receive: Receive) -> Iterator[None]:
    """Cancel the current task when the client of a wholly received request disconnects.

    Our own protocol calls back; any other server is asked by a task that waits for its `http.disconnect`.
    """
    task = asyncio.current_task()
    assert task is not None
    gone = (scope.get("extensions") or {}).get("marserve.gone")
    if gone is not None:
        gone.append(task.cancel)
        yield
        return
    watcher = asyncio.create_task(_watch(receive, task))
    try:
        yield
    finally:
        watcher.cancel()


async def _watch(receive: Receive, task: "asyncio.Task[None]") -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    task.cancel()
