"""A closed loop of clients that load a model version without HTTP between."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import cycle

from app.commands.tune.search_space import Measurement, Setting
from app.http.request import new_request_id
from handler.errors import HandlerError
from handler.job import Input
from model_registry.errors import RegistryError
from model_registry.reply import ResponseStream
from model_registry.version import ModelVersion

MIN_RESPONSES = 20
"""A measurement goes on until it has so many."""
MAX_ERRORS = 20
"""A measurement ends after so many."""
SLICES = 3
"""The time of a measurement is cut into these; one more before them is not counted."""
MAX_EXTENSION = 10
"""The factor by which a measurement may take longer where responses do."""

GivesUp = Callable[[Measurement], bool]
"""Whether the figures so far are too bad for the measurement to go on."""


class LoadGenerator:
    """Clients that each send the next request as soon as the last is answered, and the figures of it."""

    def __init__(self, version: ModelVersion, inputs: Sequence[Input], clients: int) -> None:
        self._version, self._inputs, self._clients = version, cycle(inputs), clients
        self._latencies: list[float] = []
        self._batches: set[float] = set()
        self._errors = 0
        self._error = ""
        self._failed = asyncio.Event()

    def __repr__(self) -> str:
        return f"<LoadGenerator {self._clients} clients of {self._version}, {len(self._latencies)} responses>"

    async def measure(self, setting: Setting, seconds: float, gives_up: GivesUp) -> Measurement:
        """Measure for so many seconds after a warm-up, or for longer where there are too few responses."""
        tasks = [asyncio.create_task(self._run_client()) for _ in range(self._clients)]
        try:
            return await self._measure(setting, seconds, gives_up)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _measure(self, setting: Setting, seconds: float, gives_up: GivesUp) -> Measurement:
        slice_ = seconds / SLICES
        for _ in range(SLICES * MAX_EXTENSION):
            if await self._wait(slice_) or self._latencies:
                break
        self._latencies.clear()
        self._batches.clear()
        began = time.perf_counter()
        for number in range(1, SLICES * MAX_EXTENSION):
            over = await self._wait(slice_)
            found = self._summarize(setting, time.perf_counter() - began)
            if over or (number >= SLICES and len(self._latencies) >= MIN_RESPONSES):
                return found
            if self._latencies and gives_up(found):
                return replace(found, given_up=True)
        return found

    async def _wait(self, seconds: float) -> bool:
        """Wait; returns whether there have been too many errors."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._failed.wait(), seconds)
        return self._failed.is_set()

    async def _run_client(self) -> None:
        while not self._failed.is_set():
            try:
                await self._send()
            except (HandlerError, RegistryError) as error:
                self._count_error(str(error) or type(error).__name__)
                await asyncio.sleep(0)  # a refusal has not yielded to the event loop

    async def _send(self) -> None:
        began = time.perf_counter()
        reply = self._version.submit(next(self._inputs), new_request_id())
        try:
            output = await reply.future
            if isinstance(output, ResponseStream):
                async for _ in output:
                    pass
                output = output.first
        finally:
            reply.detach()
        if output.status >= 400:
            self._count_error(f"status {output.status}: {output.body[:200].decode(errors='replace')}")
        else:
            self._latencies.append(time.perf_counter() - began)
            assert reply.job is not None
            self._batches.add(reply.job.taken_at)  # one batch is taken at one time

    def _count_error(self, text: str) -> None:
        self._errors += 1
        self._error = self._error or text
        if self._errors >= MAX_ERRORS:
            self._failed.set()

    def _summarize(self, setting: Setting, seconds: float) -> Measurement:
        ordered = sorted(self._latencies)
        if not ordered:
            return Measurement(setting, errors=self._errors, error=self._error or f"no answer within {seconds:.1f} s")
        p50, p95, p99 = (
            1e3 * ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] for percent in (50, 95, 99)
        )
        return Measurement(
            setting, len(ordered) / seconds, p50, p95, p99, len(ordered) / len(self._batches), self._errors, self._error
        )
