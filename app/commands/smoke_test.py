"""Loads a model version without a server and asks it: how long that takes, what it answers, how memory grows."""

import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from app.commands.sample_requests import Sample
from app.errors import wire
from app.http.request_body import parts_of
from app.http.request_ids import new_request_id
from app.http.responses import output_answer
from handler.errors import HandlerError, LoadFailed
from handler.job import Input
from handler.workers.traces import own_traceback
from model_registry.errors import RegistryError
from model_registry.memory_guard import resident_bytes
from model_registry.version import ModelVersion

SHOWN = 200
"""Bytes of an answer that are kept."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one request, asked several times over: seconds, bytes, and the error of the first failure."""

    place: str
    status: int
    first: float
    warm: float | None = None
    """The median of the later ones."""
    size: int = 0
    start: str = ""
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether a client would be content."""
        return self.status < 400


@dataclass(frozen=True, slots=True)
class SmokeTest:
    """How loading and asking went; memory is this process's, in bytes, None where the system does not tell."""

    error: str
    """Why it did not load, "" if it did."""
    load_seconds: float
    load_memory: int | None = None
    """By how much loading has grown memory."""
    warm_memory: int | None = None
    """By how much the requests have grown memory, after the first of each."""
    replies: tuple[Reply, ...] = ()
    traceback: tuple[str, ...] = ()
    """Where it failed to load, from the archive's own code on."""

    @property
    def ok(self) -> bool:
        """Whether the model loads and answers."""
        return not self.error and all(reply.ok for reply in self.replies)


def resident() -> int | None:
    """Bytes of memory that this process and its children occupy, where Linux tells it."""
    try:
        tasks = Path("/proc/self/task").iterdir()
        children = [child for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return None
    return resident_bytes(*children)


async def try_out(
    version: ModelVersion, samples: Sequence[Sample], repeat: int, hush: Callable[[], None],
    memory: Callable[[], int | None] = resident,
) -> SmokeTest:  # fmt: skip
    """Load one worker and send it each request `repeat` times after the first; one that fails is not repeated.

    `hush` is called, by the worker's thread, when the load has failed: the server's own log of it would say all twice.
    """
    before, began = memory(), time.perf_counter()
    try:
        await _load(version, hush)
    except LoadFailed as failure:
        cause = failure.__cause__ or failure
        seconds = time.perf_counter() - began
        return SmokeTest(f"{type(cause).__name__}: {cause}", seconds, traceback=tuple(own_traceback(cause)))
    seconds, loaded = time.perf_counter() - began, memory()
    first = {sample.place: await _ask(version, sample) for sample in samples}
    warm = memory()
    replies = [await _repeat(version, sample, first[sample.place], repeat) for sample in samples]
    return SmokeTest("", seconds, _growth(before, loaded), _growth(warm, memory()), tuple(replies))


async def _load(version: ModelVersion, hush: Callable[[], None]) -> None:
    """Start one worker and wait until it has loaded; raises LoadFailed. A failed one is not replaced."""
    loop = asyncio.get_running_loop()
    (worker,) = version.start_scaling(1, 1)

    def loaded(future: Future[None]) -> None:
        """Dismiss a failed worker before the pool, which is told next, hires another in its place."""
        if future.exception() is not None:
            hush()
            loop.call_soon_threadsafe(version.start_scaling, 0, 0)

    worker.loaded.add_done_callback(loaded)
    await asyncio.wrap_future(worker.loaded)


async def _ask(version: ModelVersion, sample: Sample) -> Reply:
    began = time.perf_counter()
    try:
        answer = output_answer(await version.predict(input_of(sample), new_request_id()))
        body = answer.body if answer.stream is None else b"".join([piece async for piece in answer.stream])
    except (HandlerError, RegistryError) as error:
        told = wire(error)
        return Reply(sample.place, told.status, time.perf_counter() - began, error=told.message or "")
    seconds, start = time.perf_counter() - began, body[:SHOWN].decode(errors="replace")
    return Reply(sample.place, answer.status, seconds, size=len(body), start=start)


async def _repeat(version: ModelVersion, sample: Sample, first: Reply, times: int) -> Reply:
    """The first reply with the later ones' median; the first failure instead, if one comes."""
    seconds = []
    for _ in range(times if first.ok else 0):
        again = await _ask(version, sample)
        if not again.ok:
            return again
        seconds.append(again.first)
    if not seconds:
        return first
    return Reply(first.place, first.status, first.first, statistics.median(seconds), first.size, first.start)


def input_of(sample: Sample) -> Input:
    """A request as the server would hand it on."""
    kinds = [value for name, value in sample.headers.items() if name.lower() == "content-type"]
    headers = [*sample.headers.items(), ("explain", "False"), ("url_path", "")]
    return Input(parts_of(sample.body or b"", kinds[0] if kinds else ""), headers)


def _growth(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else after - before
