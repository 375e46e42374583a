"""A loaded handler whose `handle` is a coroutine function or an async generator: each request has a context of its own.

A handler of another kind is served too, but holds all others up while it runs.
"""

import asyncio
import copy
import inspect
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from handler.devices.device import Device
from handler.errors import PredictionFailed
from handler.job import Deliver, Job, Outcome
from handler.payload.results import checked_results
from handler.workers.batch_context import BatchContext
from handler.workers.coroutines.request_loop import RequestLoop
from handler.workers.loader import load_entry_point
from handler.workers.service import HandlerEnvironment, Service
from handler.workers.spec import ServiceSpec
from handler.workers.warmup import warm_up


class AsyncService(Service):
    """One handler instance, called by one thread only, for many batches at once."""

    @classmethod
    def load_on(
        cls, loop: RequestLoop, spec: ServiceSpec, environment: HandlerEnvironment, device: Device,
        on_import: Callable[[], object],
    ) -> "AsyncService":  # fmt: skip
        """Load as `Service.load` does; the loop runs `initialize` where that is a coroutine function, and the warm-up.

        `asyncio.get_event_loop()` is that loop, in `initialize` as in `handle`.
        """
        context = BatchContext.of_worker(spec, device)
        with environment.loading():
            entry_point = load_entry_point(environment.namespace, spec.handler, spec.envelope)
            on_import()
            initialized = entry_point.initialize(context)
            if inspect.isawaitable(initialized):
                loop.complete(initialized)
        service = cls(entry_point, context, spec, environment)
        warm_up(
            lambda jobs, deliver: loop.complete(service.answer(jobs, deliver)), context.model_yaml_config, spec.folder
        )
        return service

    async def answer(self, jobs: Sequence[Job], deliver: Deliver) -> list[Outcome]:
        """Serve one batch, besides others."""
        request = AsyncRequest(self._entry_point, _own_context(self._context), self._spec, self._environment)
        return await request.answer(jobs, deliver)


class AsyncRequest(Service):
    """One batch of an asynchronous service, with a context of its own."""

    async def answer(self, jobs: Sequence[Job], deliver: Deliver) -> list[Outcome]:
        """Call the handler with one row for each job; the pieces of its answers are delivered as they come.

        An exception of the handler becomes these jobs' outcome. All but `Exception` pass through; CancelledError is one
        of the handler's own, unless the calling task was cancelled.
        """
        try:
            return await self._call_handler(jobs, deliver)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return [PredictionFailed()] * len(jobs)
        except Exception as error:
            return [self._error_outcome(error)] * len(jobs)

    async def _call_handler(self, jobs: Sequence[Job], deliver: Deliver) -> list[Outcome]:
        rows = self._start_batch(jobs, deliver)
        started_at = time.monotonic()
        returned = self._entry_point.handle(rows, self._context)
        while inspect.isawaitable(returned):
            returned = await returned
        if isinstance(returned, AsyncIterator):
            returned = await self._send_pieces(returned, jobs)
        return self._finish_batch(returned, len(jobs), started_at)

    async def _send_pieces(self, pieces: AsyncIterator[Any], jobs: Sequence[Job]) -> list[bytes]:
        """Send what a generator yields, a piece for each row, while the clients read; returns the empty last pieces."""
        send_piece = self._context.send_piece
        assert send_piece is not None
        async with _closing(pieces):
            async for each in pieces:
                for index, piece in enumerate(checked_results(each, len(jobs))):
                    self._context.set_response_header(index, "ts_stream_next", "true")
                    send_piece(index, piece)
                for job in jobs:
                    await _wait_for_reader(job)
        return [b""] * len(jobs)


@asynccontextmanager
async def _closing(pieces: AsyncIterator[Any]) -> AsyncIterator[None]:
    """Close a generator at the end of the block, so that it frees what it holds at once."""
    try:
        yield
    finally:
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()


async def _wait_for_reader(job: Job) -> None:
    """Let others run, and wait while the client leaves too much unread."""
    loop, window = asyncio.get_running_loop(), job.window
    if window is None:
        await asyncio.sleep(0)
        return
    is_open = asyncio.Event()
    window.call_when_open(lambda: loop.call_soon_threadsafe(is_open.set))
    await is_open.wait()


def _own_context(context: BatchContext) -> BatchContext:
    """A copy for one request, as in TorchServe; what cannot be copied deeply is shared."""
    try:
        return copy.deepcopy(context)
    except Exception:
        own = copy.copy(context)
        own.metrics = copy.copy(context.metrics)
        return own
