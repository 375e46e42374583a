"""Noticing that a client has gone, so that nobody works for it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.types import Receive, Scope

from app.call import Disconnected


@contextmanager
def cancelled_when_gone(scope: Scope, receive: Receive) -> Iterator[None]:
    """Leave the block with Disconnected when the client of a wholly received request goes away.

    Our own protocol calls back; any other server is asked by a task that waits for its `http.disconnect`.
    """
    task = asyncio.current_task()
    assert task is not None
    left = False

    def leave() -> None:
        nonlocal left
        left = True
        task.cancel()

    callbacks = (scope.get("extensions") or {}).get("marserve.gone")
    watcher = None if callbacks is not None else asyncio.create_task(_watch(receive, leave))
    if callbacks is not None:
        callbacks.append(leave)
    try:
        yield
    except asyncio.CancelledError:
        if left:
            raise Disconnected from None
        raise
    finally:
        if watcher is not None:
            watcher.cancel()


async def _watch(receive: Receive, leave: Callable[[], None]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    leave()
