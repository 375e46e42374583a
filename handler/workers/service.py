"""A loaded handler with its context: a batch of jobs in, one outcome for each out."""

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import ts.handler_utils.utils
import ts.metrics.metrics_store
import ts.protocol.otf_message_handler
import ts.service  # noqa: F401 (in a worker of TorchServe these four are there, and handlers that import ts alone use them)
from ts.context import Context, RequestProcessor
from ts.metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl
from ts.utils.util import PredictionException

from handler.devices.cpu_budget import Cores
from handler.devices.device import Device
from handler.errors import BadOutput, HandlerError, OutOfMemory, PredictionFailed, PredictionRefused
from handler.isolation.process.environ import Environment
from handler.job import Job, Outcome, Output, StreamChunk
from handler.metrics.printed_metrics import MetricSink
from handler.payload.request_rows import make_headers, make_row
from handler.payload.results import check, encode, status_of
from handler.workers.loader import ArchiveModules, Entry, load_entry
from handler.workers.warmup import warm_up

SERVER_VERSION = "0.12.0"
"""The TorchServe release whose contract handlers see."""

LARGE = 16 << 10
"""Bytes of a body from which on it is not kept for the sake of its headers."""

Deliver = Callable[[Sequence[tuple[Job, Outcome]]], None]


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """What every worker of a model version needs to load its service."""

    model_name: str
    folder: Path
    manifest: Callable[[], dict[str, Any]]
    """A fresh copy at each call: handlers change what they are given."""
    handler: str
    batch_size: int
    config: Callable[[], dict[str, Any] | None] = dict
    envelope: str | None = None
    decode: bool = True
    limit_max_image_pixels: bool = True
    max_response_size: int = 6553500
    metric_sink: MetricSink | None = None
    declared_metrics: Mapping[str, Any] = field(default_factory=dict)
    """In the form of a metrics file."""
    packages: Path | None = None
    """Where modules are besides the folder."""
    environment: Environment = field(default_factory=Environment)
    allow_pickles: bool = True
    """Whether the handler may load any object from files while it loads itself."""
    files: AbstractContextManager[object] = field(default_factory=nullcontext)
    """Entered by each worker while it loads: the archive's files are there then, whatever becomes of them later."""
    continuous: bool = False
    """Whether the handler is called again and again for the same jobs."""


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a service runs."""

    label: str
    """The worker's name in logs and metrics: "W-9000-ver_1.0"."""
    device: Device
    cores: Cores
    say: Callable[[str, str], None]
    """Takes each line ("stdout" or "stderr", text) that the handler writes."""


class HandlerEnvironment(Protocol):
    """What a service finds around its handler's code."""

    @property
    def namespace(self) -> ArchiveModules:
        """The archive's modules."""

    def loading(self) -> AbstractContextManager[None]:
        """Surround the import and initialization of the handler."""

    def say(self, stream: str, line: str) -> None:
        """Hand a line to the worker's log."""


class BatchContext(Context):
    """The context of one worker; the processors of a batch are made when the handler first asks for them."""

    jobs: Sequence[Job] | None = None
    send_piece: Callable[[int, Any], None] | None = None
    _processors: list[RequestProcessor] | None = None

    def begin(self, jobs: Sequence[Job]) -> None:
        """Turn to the next batch."""
        self.jobs = jobs
        self._headers: dict[int, dict[str, Any]] = {}
        self.request_ids = {index: job.request_id for index, job in enumerate(jobs)}
        self._processors = None

    def end(self) -> None:
        """Let go of large bodies, which an idle model would keep; what handlers may look up later stays."""
        self.send_piece = None
        if self.jobs and sum(len(part.value) for part in self.jobs[0].input.parts) > LARGE:
            self._processors = self.request_processor
            self.jobs = None

    @property
    def request_processor(self) -> Any:
        """One processor for each row: its request headers, and what the handler answers besides the body."""
        if self._processors is None and self.jobs is not None:
            self._processors = [RequestProcessor(self._headers_of(index)) for index in range(len(self.jobs))]
        return self._processors

    @request_processor.setter
    def request_processor(self, processors: list[RequestProcessor] | None) -> None:
        self._processors = processors

    def get_request_header(self, idx: int, key: str) -> Any:
        """The header of that name of a row's request, or None: BaseHandler asks the first row of every batch."""
        if self._processors is None and self.jobs is not None and isinstance(idx, int) and idx >= 0:
            return self._headers_of(idx).get(key)
        return super().get_request_header(idx, key)

    def output(self, index: int, body: bytes) -> Output:
        """The answer of one row, with the status and headers that the handler set."""
        if self._processors is None:
            return Output(body)
        processor = self._processors[index]
        headers = processor.get_response_headers()
        status = status_of(processor.get_response_status_code())
        phrase = str(processor.get_response_status_phrase() or "")
        named = tuple((str(name), str(value)) for name, value in headers.items() if value is not None)
        return Output(body, status, phrase, named)

    def _headers_of(self, index: int) -> dict[str, Any]:
        if index not in self._headers:
            assert self.jobs is not None
            job = self.jobs[index]
            self._headers[index] = make_headers(job.input, not job.continued)
        return self._headers[index]


class Service:
    """One handler instance with its context, called by one thread only."""

    def __init__(
        self, entry: Entry, context: BatchContext, blueprint: ServiceSpec, say: Callable[[str, str], None]
    ) -> None:
        self._entry = entry
        self._context = context
        self._blueprint = blueprint
        self._say = say
        self._dimensions = {"ModelName": blueprint.model_name, "Level": "Model"}

    @classmethod
    def load(
        cls, blueprint: ServiceSpec, surroundings: HandlerEnvironment, device: Device, imported: Callable[[], object]
    ) -> "Service":
        """Import and initialize the handler, calling `imported` in between, and warm it up.

        Raises whatever the handler raises, and WarmUpFailed.
        """
        context = make_context(blueprint, device)
        with surroundings.loading():
            entry = load_entry(surroundings.namespace, blueprint.handler, blueprint.envelope)
            imported()
            entry.initialize(context)
        service = cls(entry, context, blueprint, surroundings.say)
        warm_up(service.predict, context.model_yaml_config, blueprint.folder)
        return service

    def predict(self, jobs: Sequence[Job], deliver: Deliver) -> list[Outcome]:
        """Call the handler with one row for each job; pieces of a stream are delivered while it runs.

        An exception of the handler becomes every job's outcome. What is no `Exception` (SystemExit) passes through:
        it ends the worker.
        """
        try:
            return self._run(jobs, deliver)
        except HandlerError as error:
            if isinstance(error, BadOutput) and error.cause:
                self._say("stdout", error.cause)
            return [error] * len(jobs)
        except Exception as error:
            self._tell(error)
            return [_failure(error)] * len(jobs)
        finally:
            self._context.end()

    def close(self) -> None:
        """Let go of what the handler started by itself: micro-batching keeps threads until it is told."""
        shutdown = getattr(self._entry.handle, "shutdown", None)
        if callable(shutdown):
            shutdown()

    def _run(self, jobs: Sequence[Job], deliver: Deliver) -> list[Outcome]:
        context = self._context
        rows = [{} if job.continued else make_row(job.input, self._blueprint.decode) for job in jobs]
        context.begin(jobs)
        context.metrics.set_request_ids(context.request_ids)
        context.send_piece = lambda index, value: deliver([(jobs[index], StreamChunk(self._output(index, value)))])
        began = time.perf_counter()
        results = check(self._entry.handle(rows, context), len(jobs))
        # Before the answers are written: as with TorchServe, one that cannot be has taken its time all the same.
        self._time(context, (time.perf_counter() - began) * 1000)
        return self._outcomes(jobs, results)

    def _time(self, context: BatchContext, milliseconds: float) -> None:
        """Tell the time of a batch, past the cache of metrics that handlers use: it costs as much as a small batch."""
        sink = self._blueprint.metric_sink
        if sink is not None:
            ids = ",".join(context.request_ids.values())
            sink("PredictionTime", round(milliseconds, 2), "Milliseconds", self._dimensions, "gauge", ids)

    def _outcomes(self, jobs: Sequence[Job], results: Sequence[Any]) -> list[Outcome]:
        """What each job has come to; kinds of services differ in this."""
        return [self._output(index, value) for index, value in enumerate(results)]

    def _output(self, index: int, value: Any) -> Output:
        body = encode(value)
        if len(body) > self._blueprint.max_response_size:
            self._say(
                "stderr",
                f"An answer of {len(body)} bytes exceeds max_response_size={self._blueprint.max_response_size}.",
            )
            raise ResponseTooLarge
        return self._context.output(index, body)

    def _tell(self, error: Exception) -> None:
        self._say("stdout", "Invoking custom service failed.")
        for line in "".join(traceback.format_exception(error)).splitlines():
            self._say("stdout", line)


class ResponseTooLarge(BaseException):
    """An answer beyond `max_response_size`, which costs the worker, as in TorchServe."""


def make_context(blueprint: ServiceSpec, device: Device) -> BatchContext:
    """The context of one worker, as handlers find it in `initialize`."""
    metrics = MetricsCacheYamlImpl(blueprint.declared_metrics)
    metrics.model_name = blueprint.model_name
    metrics.sink = blueprint.metric_sink
    return BatchContext(
        blueprint.model_name,
        str(blueprint.folder),
        blueprint.manifest(),
        blueprint.batch_size,
        device.gpu_id,
        SERVER_VERSION,
        blueprint.limit_max_image_pixels,
        metrics,
        blueprint.config(),
    )


def _failure(error: Exception) -> HandlerError:
    if isinstance(error, PredictionException):
        return _refusal(error)
    if isinstance(error, MemoryError) or "CUDA" in str(error):
        return OutOfMemory()
    return PredictionFailed()


def _refusal(error: PredictionException) -> PredictionRefused:
    """The handler's own code, or 500 where that is none."""
    message = "" if error.message is None else str(error.message)
    try:
        return PredictionRefused(message, status_of(error.error_code or 500))
    except BadOutput:
        return PredictionRefused(message, 500)
