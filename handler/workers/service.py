"""A loaded handler with its context: a batch of jobs in, one outcome for each out."""

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache
from importlib import import_module
from typing import Any, Protocol

from ts.utils.util import PredictionException

from handler.devices.device import Device
from handler.devices.memory_release import release_memory
from handler.errors import (
    BadOutput,
    ClientsDisconnected,
    HandlerError,
    OutOfMemory,
    PredictionFailed,
    PredictionRefused,
)
from handler.job import Deliver, Job, Outcome, Output, StreamChunk
from handler.job_times import HandlerTimes
from handler.log_record import pack_record, request_fields
from handler.payload.request_rows import make_row
from handler.payload.results import checked_results, encode, http_status
from handler.workers.batch_context import BatchContext
from handler.workers.loader import ArchiveModules, EntryPoint, load_entry_point
from handler.workers.spec import ServiceSpec
from handler.workers.warmup import warm_up

DECODE_VARIABLE = "TS_DECODE_INPUT_REQUEST"
"""TorchServe's workers read it for each request."""


class HandlerEnvironment(Protocol):
    """The environment of a handler's code, as far as a service needs it."""

    @property
    def changed_variables(self) -> Mapping[str, str | None]:
        """The variables of `os.environ` that its code has set, at least; None for those that it has deleted."""

    @property
    def namespace(self) -> ArchiveModules:
        """The archive's modules."""

    def loading(self) -> AbstractContextManager[None]:
        """Surround the import and initialization of the handler."""

    def write_line(self, stream: str, line: str) -> None:
        """Write a line to the worker's log."""

    def on_failure(self, error: Exception) -> None:
        """Look at what the handler raised; raises ProcessRequired where a process would do better."""


class ResponseTooLarge(BaseException):
    """A response exceeds `max_response_size`, which ends the worker, as in TorchServe."""


class Service:
    """One handler instance with its context, called by one thread only."""

    def __init__(
        self, entry_point: EntryPoint, context: BatchContext, spec: ServiceSpec, environment: HandlerEnvironment
    ) -> None:
        self._entry_point = entry_point
        self._context = context
        self._spec = spec
        self._environment = environment
        self._write_line = environment.write_line
        self.last_times: HandlerTimes | None = None
        """The times of the last batch that succeeded."""
        self._dimensions = {"ModelName": spec.model_name, "Level": "Model"}

    @classmethod
    def load(
        cls, spec: ServiceSpec, environment: HandlerEnvironment, device: Device, on_import: Callable[[], object]
    ) -> "Service":
        """Import and initialize the handler, calling `on_import` in between, and warm it up.

        Raises whatever the handler raises, and WarmUpFailed.
        """
        context = BatchContext.of_worker(spec, device)
        with environment.loading():
            entry_point = load_entry_point(environment.namespace, spec.handler, spec.envelope)
            on_import()
            entry_point.initialize(context)
        service = cls(entry_point, context, spec, environment)
        warm_up(service.predict, context.model_yaml_config, spec.folder)
        return service

    def predict(self, jobs: Sequence[Job], deliver: Deliver) -> list[Outcome]:
        """Call the handler with one row for each job; chunks of a stream are delivered while it runs.

        An exception of the handler becomes every job's outcome. All but `Exception` (SystemExit) pass through: they end
        the worker.
        """
        try:
            rows = self._start_batch(jobs, deliver)
            started_at = time.monotonic()
            return self._finish_batch(self._entry_point.handle(rows, self._context), len(jobs), started_at)
        except Exception as error:
            return [self._error_outcome(error)] * len(jobs)
        finally:
            self._context.end_batch()

    def close(self) -> None:
        """Stop the threads that the handler has started through the server: those of micro-batching."""
        shutdown = getattr(self._entry_point.handle, "shutdown", None)
        if callable(shutdown):
            shutdown()

    def _start_batch(self, jobs: Sequence[Job], deliver: Deliver) -> list[dict[str, Any]]:
        """Show the requests in the context; returns their rows."""
        context = self._context
        chosen = self._environment.changed_variables.get(DECODE_VARIABLE)  # the handler may set it at any time
        decode = self._spec.decode if chosen is None else chosen == "true"
        rows: list[dict[str, Any]] = [{} if job.continued else _row(job, decode) for job in jobs]
        context.start_batch(jobs)
        context.send_piece = lambda index, value: deliver([(jobs[index], StreamChunk(self._output(index, value)))])
        return rows

    def _finish_batch(self, returned: object, rows: int, started_at: float) -> list[Outcome]:
        """The outcomes of what the handler returned; raises BadOutput."""
        context, results = self._context, checked_results(returned, rows)
        ended_at = time.monotonic()
        if self._spec.metric_sink is not None:
            # Before the results are encoded: as in TorchServe, those that cannot be have taken their time all the same.
            # Past the cache of metrics that handlers use: it costs as much as a small batch.
            ids = ",".join(context.request_ids.values())
            time_spent = round((ended_at - started_at) * 1000, 2)
            self._spec.metric_sink("PredictionTime", time_spent, "Milliseconds", self._dimensions, "gauge", ids)
        outcomes = self._outcomes(results)
        self.last_times = HandlerTimes(started_at, ended_at, time.monotonic())
        return outcomes

    def _error_outcome(self, error: Exception) -> HandlerError:
        """The outcome of all jobs of a batch that raised; raises ProcessRequired where a process would do better."""
        if isinstance(error, ClientsDisconnected):
            self._write_line("stdout", f"The stream has ended early: {error}")
            return PredictionFailed()
        if isinstance(error, HandlerError):
            if isinstance(error, BadOutput) and error.cause:
                self._write_line("stdout", error.cause)
            return error
        self._environment.on_failure(error)
        lines = ("Invoking custom service failed.", *"".join(traceback.format_exception(error)).splitlines())
        self._write_line("stdout", pack_record(lines, request_fields(self._context.jobs or ())))
        outcome = _failure(error)
        if isinstance(outcome, OutOfMemory):
            release_memory(error)
        return outcome

    def _outcomes(self, results: Sequence[Any]) -> list[Outcome]:
        return [self._output(index, value) for index, value in enumerate(results)]

    def _output(self, index: int, value: Any) -> Output:
        body = archive_rows().encode_tensors(value) if self._wants_tensors(index) else encode(value)
        if len(body) > self._spec.max_response_size:
            limit = self._spec.max_response_size
            self._write_line("stderr", f"An answer of {len(body)} bytes exceeds max_response_size={limit}.")
            raise ResponseTooLarge
        return self._context.output(index, body)

    def _wants_tensors(self, index: int) -> bool:
        jobs = self._context.jobs if self._spec.takes_tensors else None
        return jobs is not None and jobs[index].input.has_tensors


def _row(job: Job, decode: bool) -> dict[str, Any]:
    return archive_rows().tensor_row(job.input) if job.input.has_tensors else make_row(job.input, decode)


@cache
def archive_rows() -> Any:
    """The module for requests of tensors; a process imports it before its archive has taken the server's names."""
    return import_module("handler.tensors.archives.rows")


def _failure(error: Exception) -> HandlerError:
    if isinstance(error, PredictionException):
        message = "" if error.message is None else _text_of(error.message)
        try:
            return PredictionRefused(message, http_status(error.error_code or 500))
        except BadOutput:
            return PredictionRefused(message, 500)
    if isinstance(error, MemoryError) or "CUDA" in _text_of(error):
        return OutOfMemory()
    return PredictionFailed()


def _text_of(value: object) -> str:
    """The text of an object of the archive's, which may raise anything; it can be encoded."""
    try:
        return str(value).encode(errors="replace").decode()
    except Exception:
        return ""
