"""So many callers that each ask a model version again as soon as it has answered, without HTTP between."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import cycle

from app.commands.tune.search_space import Measured, Setting
from app.http.request_ids import new_request_id
from app.http.responses import output_answer
from handler.errors import HandlerError
from handler.job import Input
from model_registry.errors import RegistryError
from model_registry.version import ModelVersion

ENOUGH = 20
"""Answers below which nothing can be said."""
MOST_ERRORS = 20
"""After so many the rest is not asked."""
SLICES = 3
"""VersionSpec of the time of a measurement, after one that is not counted."""
LONGEST = 10
"""How many times that time may pass where answers take long."""

Hopeless = Callable[[Measured], bool]


class LoadGenerator:
    """Asks one version for a while, and counts."""

    def __init__(self, version: ModelVersion, inputs: Sequence[Input], count: int) -> None:
        self._version, self._inputs, self._count = version, cycle(inputs), count
        self._latencies: list[float] = []
        self._batches: set[float] = set()
        self._errors = 0
        self._error = ""
        self._failed = asyncio.Event()

    def __repr__(self) -> str:
        return f"<LoadGenerator {self._count} of {self._version}, {len(self._latencies)} answers>"

    async def measure(self, setting: Setting, seconds: float, hopeless: Hopeless) -> Measured:
        """What came of so many seconds after a warm-up, or of more where there are too few answers."""
        tasks = [asyncio.create_task(self._ask_on()) for _ in range(self._count)]
        try:
            return await self._watch(setting, seconds, hopeless)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, setting: Setting, seconds: float, hopeless: Hopeless) -> Measured:
        slice_ = seconds / SLICES
        for _ in range(SLICES * LONGEST):
            if await self._over(slice_) or self._latencies:
                break
        self._latencies.clear()
        self._batches.clear()
        began = time.perf_counter()
        for number in range(1, SLICES * LONGEST):
            over = await self._over(slice_)
            found = self._found(setting, time.perf_counter() - began)
            if over or (number >= SLICES and len(self._latencies) >= ENOUGH):
                return found
            if self._latencies and hopeless(found):
                return replace(found, given_up=True)
        return found

    async def _over(self, seconds: float) -> bool:
        """Wait; whether there were too many errors meanwhile."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._failed.wait(), seconds)
        return self._failed.is_set()

    async def _ask_on(self) -> None:
        while not self._failed.is_set():
            try:
                await self._ask()
            except (HandlerError, RegistryError) as error:
                self._note_error(str(error) or type(error).__name__)
                await asyncio.sleep(0)  # a refusal comes without waiting

    async def _ask(self) -> None:
        began = time.perf_counter()
        reply = self._version.submit(next(self._inputs), new_request_id())
        try:
            answer = output_answer(await reply.future)
            if answer.stream is not None:
                async for _ in answer.stream:
                    pass
        finally:
            reply.detach()
        if answer.status >= 400:
            self._note_error(f"status {answer.status}: {answer.body[:200].decode(errors='replace')}")
        else:
            self._latencies.append(time.perf_counter() - began)
            assert reply.job is not None
            self._batches.add(reply.job.taken_at)  # one batch is taken at one time

    def _note_error(self, text: str) -> None:
        self._errors += 1
        self._error = self._error or text
        if self._errors >= MOST_ERRORS:
            self._failed.set()

    def _found(self, setting: Setting, seconds: float) -> Measured:
        ordered = sorted(self._latencies)
        if not ordered:
            return Measured(setting, errors=self._errors, error=self._error or f"no answer within {seconds:.1f} s")
        p50, p95, p99 = (
            1e3 * ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] for percent in (50, 95, 99)
        )
        return Measured(
            setting, len(ordered) / seconds, p50, p95, p99, len(ordered) / len(self._batches), self._errors, self._error
        )
