"""Blocking calls for the event loop, on threads that a process does not wait for when it exits."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")


class PoolFull(Exception):
    """As many calls run and wait as the pool takes."""


class ThreadPool:
    """Runs at most `size` calls at once, each on a daemon thread of its own, and lets at most `queue_size` wait.

    A thread counts until it ends, even if its caller was cancelled.
    """

    def __init__(self, name: str, size: int, queue_size: int) -> None:
        self._name = name
        self._size = size
        self._queue_size = queue_size
        self._slots = asyncio.Semaphore(size)
        self._waiting = 0

    def __repr__(self) -> str:
        return f"<ThreadPool {self._name} of {self._size}, {self._waiting} waiting>"

    async def run(self, call: Callable[..., T], *arguments: Any) -> T:
        """The result of the call, or what it raises. Raises PoolFull, and RuntimeError if no thread can start."""
        if self._slots.locked() and self._waiting >= self._queue_size:
            raise PoolFull(f"{self._name}: {self._size} run and {self._waiting} wait")
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        outcome: Future[T] = Future()
        outcome.set_running_or_notify_cancel()  # from now on only the thread ends it
        outcome.add_done_callback(partial(self._release, asyncio.get_running_loop()))
        try:
            Thread(target=_work, args=(outcome, partial(call, *arguments)), name=self._name, daemon=True).start()
        except BaseException as error:
            outcome.set_exception(error)
        return await asyncio.wrap_future(outcome)

    def _release(self, loop: asyncio.AbstractEventLoop, _: Future[Any]) -> None:
        with suppress(RuntimeError):  # the loop is closed: the server has ended
            loop.call_soon_threadsafe(self._slots.release)


def _work(outcome: Future[T], call: Callable[[], T]) -> None:
    try:
        outcome.set_result(call())
    except BaseException as error:
        outcome.set_exception(error)
