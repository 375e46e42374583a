"""The context that a handler gets with every batch."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import ts.handler_utils.utils
import ts.metrics.metrics_store
import ts.protocol.otf_message_handler
import ts.service  # noqa: F401 (in a worker of TorchServe these four are there, and handlers that import ts alone use them)
from ts.context import Context, RequestProcessor
from ts.metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl

from handler.devices.device import Device
from handler.job import Job, Output
from handler.payload.request_rows import make_headers
from handler.payload.results import http_status
from handler.workers.spec import ServiceSpec

SERVER_VERSION = "0.12.0"
"""The TorchServe release whose contract handlers see."""
KEPT_BODY_BYTES = 16 << 10
"""Larger bodies are not kept for the sake of their headers."""


class BatchContext(Context):
    """The context of one worker; the processors of a batch are made when the handler first asks for them."""

    jobs: Sequence[Job] | None = None
    send_piece: Callable[[int, Any], None] | None = None
    """Sends an intermediate response for a row; TorchServe's function of that purpose calls it."""
    _processors: list[RequestProcessor] | None = None

    @classmethod
    def of_worker(cls, spec: ServiceSpec, device: Device) -> "BatchContext":
        """The context as handlers find it in `initialize`."""
        metrics = MetricsCacheYamlImpl(spec.declared_metrics)
        metrics.model_name = spec.model_name
        metrics.sink = spec.metric_sink
        return cls(
            spec.model_name, str(spec.folder), copy.deepcopy(spec.manifest), spec.batch_size, device.gpu_id,
            SERVER_VERSION, spec.limit_max_image_pixels, metrics, spec.config(),
        )  # fmt: skip

    def start_batch(self, jobs: Sequence[Job]) -> None:
        """Show the requests of the next batch."""
        self.jobs = jobs
        self._headers: dict[int, dict[str, Any]] = {}
        self.request_ids = {index: job.request_id for index, job in enumerate(jobs)}
        self._processors = None
        self.metrics.request_ids = self.request_ids

    def end_batch(self) -> None:
        """Drop large bodies, which an idle model would keep; what handlers may look up later stays."""
        self.send_piece = None
        for part in self.jobs[0].input.parts if self.jobs else ():
            if len(part.value) > KEPT_BODY_BYTES:
                self._processors = self.request_processor
                self.jobs = None
                break

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
        status = http_status(processor.get_response_status_code())
        phrase = str(processor.get_response_status_phrase() or "")
        headers = processor.get_response_headers()
        set_headers = tuple((str(name), str(value)) for name, value in headers.items() if value is not None)
        return Output(body, status, phrase, set_headers)

    def _headers_of(self, index: int) -> dict[str, Any]:
        if index not in self._headers:
            assert self.jobs is not None
            job = self.jobs[index]
            self._headers[index] = make_headers(job.input, not job.continued)
        return self._headers[index]
