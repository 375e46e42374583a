"""The event loop of one worker: requests run on it as tasks, each of which can be cancelled."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

from handler.errors import PredictionFailed
from handler.job import Deliver, Job, Outcome

T = TypeVar("T")
END_SECONDS = 1.0
"""The time that tasks get to end once the loop stops."""


class Answering(Protocol):
    """The part of a service that the loop calls."""

    async def answer(self, jobs: Sequence[Job], deliver: Deliver) -> list[Outcome]:
        """The outcome of each job."""


class RequestLoop:
    """Runs on the thread that has made it; `start`, `cancel` and `stop` may be called on any other.

    Batches have numbers. `on_finish` gets each batch's number with the outcomes of its jobs, on the loop's thread.
    """

    # Not the loop of the event loop policy: the server's is uvloop, and handlers are written for Python's own.

    def __init__(self, on_finish: Callable[[int, Sequence[Outcome]], object]) -> None:
        self._loop = asyncio.SelectorEventLoop()
        self._on_finish = on_finish
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._cancelled: set[asyncio.Task[None]] = set()  # those that still run; the loop itself would forget them
        self._failure: BaseException | None = None
        self._is_ending = False
        asyncio.set_event_loop(self._loop)

    def __repr__(self) -> str:
        return f"<RequestLoop with {len(self._tasks)} batches>"

    def complete(self, awaitable: Awaitable[T]) -> T:
        """Run until the awaitable is done; its result."""
        try:
            return self._loop.run_until_complete(_awaited(awaitable))
        finally:
            asyncio.set_event_loop(self._loop)  # asyncio.run leaves none behind

    def run(self) -> None:
        """Run until `stop`; raises what ended a task that is no `Exception` (SystemExit)."""
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        if self._failure is not None:
            raise self._failure

    def start(self, number: int, service: Answering, jobs: Sequence[Job], deliver: Deliver) -> None:
        """Serve a batch."""
        self._call(self._start, number, partial(service.answer, jobs, deliver), len(jobs))

    def cancel(self, number: int) -> None:
        """Cancel a batch, if it runs; it counts as finished at once."""
        self._call(self._cancel, number)

    def stop(self) -> None:
        """Have `run` return."""
        self._call(self._stop)

    def close(self) -> None:
        """End all tasks, the handler's own ones included, but do not wait long; called on the loop's own thread."""
        if self._loop.is_closed():
            return
        self._is_ending = True
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self._loop.run_until_complete(asyncio.wait(tasks, timeout=END_SECONDS))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        self._loop.close()

    def _call(self, function: Callable[..., object], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # it is closed
            return

    def _start(self, number: int, answer: Callable[[], Coroutine[Any, Any, list[Outcome]]], rows: int) -> None:
        self._tasks[number] = self._loop.create_task(self._answer(number, answer, rows))

    def _stop(self) -> None:
        if not self._is_ending:  # then it runs once more, for the tasks that are left
            self._loop.stop()

    def _cancel(self, number: int) -> None:
        task = self._tasks.pop(number, None)
        if task is not None:
            self._cancelled.add(task)
            task.add_done_callback(self._cancelled.discard)
            task.cancel()
            self._on_finish(number, ())

    async def _answer(self, number: int, answer: Callable[[], Coroutine[Any, Any, list[Outcome]]], rows: int) -> None:
        outcomes: Sequence[Outcome] = [PredictionFailed()] * rows
        try:
            outcomes = await answer()
        except asyncio.CancelledError:
            pass
        except BaseException as error:
            self._failure = error
            self._stop()
            return
        if self._tasks.pop(number, None) is not None:
            self._on_finish(number, outcomes)


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable
