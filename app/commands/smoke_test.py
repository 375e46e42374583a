"""Loads a model version without a server and sends it requests: seconds, responses, growth of memory."""

import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path

from app.commands.sample_requests import Sample
from app.errors import describe_error
from app.http.request import new_request_id
from app.http.request_body import parse_body
from handler.errors import HandlerError, LoadFailed
from handler.job import Input
from handler.workers.load_remedies import remedy_for
from handler.workers.traces import own_traceback
from model_registry.errors import RegistryError
from model_registry.memory_guard import resident_bytes
from model_registry.reply import ResponseStream
from model_registry.version import ModelVersion

MAX_START_BYTES = 200
"""Bytes of a response that are kept."""


@dataclass(frozen=True, slots=True)
class RequestResult:
    """The result of one request, sent several times: seconds, bytes, and the error of the first failure."""

    place: str
    status: int
    first: float
    warm: float | None = None
    """The median of the repetitions."""
    size: int = 0
    start: str = ""
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether the status is no error."""
        return self.status < 400


@dataclass(frozen=True, slots=True)
class SmokeTestResult:
    """The result of loading and of each request; memory is this process's, in bytes, None where it is unknown."""

    error: str
    """The reason that it did not load, "" if it did."""
    load_seconds: float
    load_memory: int | None = None
    """Growth by loading."""
    warm_memory: int | None = None
    """Growth by the requests after the first of each."""
    requests: tuple[RequestResult, ...] = ()
    remedy: str = ""
    traceback: tuple[str, ...] = ()
    """The traceback of a failed load, from the archive's own code on."""

    @property
    def ok(self) -> bool:
        """Whether the model loads and answers."""
        return not self.error and all(request.ok for request in self.requests)


def resident_memory() -> int | None:
    """Bytes of memory of this process and its children; None where /proc does not show it."""
    try:
        tasks = Path("/proc/self/task").iterdir()
        children = [child for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return None
    return resident_bytes(*children)


async def run_smoke_test(
    version: ModelVersion, samples: Sequence[Sample], repeat: int, on_load_failure: Callable[[], None],
    memory: Callable[[], int | None] = resident_memory,
) -> SmokeTestResult:  # fmt: skip
    """Load one worker and send it each request `repeat` times after the first; one that fails is not repeated.

    `on_load_failure` is called by the worker's thread, before the server logs the failure.
    """
    before, began = memory(), time.perf_counter()
    try:
        await _load(version, on_load_failure)
    except LoadFailed as failure:
        cause = failure.__cause__ or failure
        seconds = time.perf_counter() - began
        text, traceback = f"{type(cause).__name__}: {cause}", tuple(own_traceback(cause))
        return SmokeTestResult(text, seconds, remedy=remedy_for(cause), traceback=traceback)
    seconds, loaded = time.perf_counter() - began, memory()
    first = {sample.place: await _send(version, sample) for sample in samples}
    warm = memory()
    results = [await _repeat(version, sample, first[sample.place], repeat) for sample in samples]
    return SmokeTestResult("", seconds, _growth(before, loaded), _growth(warm, memory()), tuple(results))


async def _load(version: ModelVersion, on_failure: Callable[[], None]) -> None:
    """Start one worker and wait until it has loaded; raises LoadFailed. A failed one is not replaced."""
    loop = asyncio.get_running_loop()
    (worker,) = version.start_scaling(1, 1)

    def loaded(future: Future[None]) -> None:
        """Scale to no worker before the pool, whose callback is the next, replaces the failed one."""
        if future.exception() is not None:
            on_failure()
            loop.call_soon_threadsafe(version.start_scaling, 0, 0)

    worker.loaded.add_done_callback(loaded)
    await asyncio.wrap_future(worker.loaded)


async def _send(version: ModelVersion, sample: Sample) -> RequestResult:
    began = time.perf_counter()
    try:
        output = await version.predict(make_input(sample), new_request_id())
        if isinstance(output, ResponseStream):
            body = b"".join([piece async for piece in output])
            output = output.first._replace(body=body)
    except (HandlerError, RegistryError) as error:
        failure = describe_error(error)
        return RequestResult(sample.place, failure.status, time.perf_counter() - began, error=failure.message or "")
    seconds, start = time.perf_counter() - began, output.body[:MAX_START_BYTES].decode(errors="replace")
    return RequestResult(sample.place, output.status, seconds, size=len(output.body), start=start)


async def _repeat(version: ModelVersion, sample: Sample, first: RequestResult, times: int) -> RequestResult:
    """The first result with the later ones' median; the first failure instead, if one comes."""
    seconds = []
    for _ in range(times if first.ok else 0):
        again = await _send(version, sample)
        if not again.ok:
            return again
        seconds.append(again.first)
    if not seconds:
        return first
    return replace(first, warm=statistics.median(seconds))


def make_input(sample: Sample) -> Input:
    """A request as the server hands it to a model."""
    kinds = [value for name, value in sample.headers.items() if name.lower() == "content-type"]
    headers = [*sample.headers.items(), ("explain", "False"), ("url_path", "")]
    return Input(parse_body(sample.body or b"", kinds[0] if kinds else ""), headers)


def _growth(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else after - before
