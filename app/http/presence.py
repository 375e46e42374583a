"""Noticing that a client has gone, so that nobody works for it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.types import Receive

from app.http.request import Disconnected


@contextmanager
def cancelled_when_gone(receive: Receive) -> Iterator[None]:
    """Leave the block with Disconnected when the client of a wholly received ASGI request goes away."""
    task = asyncio.current_task()
    assert task is not None
    left = False

    def leave() -> None:
        nonlocal left
        left = True
        task.cancel()

    watcher = asyncio.create_task(_watch(receive, leave))
    try:
        yield
    except asyncio.CancelledError:
        if left:
            raise Disconnected from None
        raise
    finally:
        watcher.cancel()


async def _watch(receive: Receive, leave: Callable[[], None]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    leave()
