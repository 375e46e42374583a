"""The trace of one request: its times, and the spans that they become when its outcome is there."""

from collections.abc import Callable, Iterable, Iterator
from time import monotonic, time
from typing import Any, NamedTuple

from app.errors import describe_error
from app.tracing.trace_context import TRACEPARENT, TraceContext
from handler.job import Input, Output
from handler.job_times import JobTimes
from handler.server_random import RANDOM
from model_registry.reply import ResponseStream

SERVER_ERROR = 500
SpanKind = str
"""SERVER or INTERNAL."""


class Span(NamedTuple):
    """A finished span; times are in seconds since 1970. `links` are spans of other traces that belong to it."""

    name: str
    context: TraceContext
    parent: TraceContext | None
    started_at: float
    ended_at: float
    attributes: dict[str, Any]
    kind: SpanKind = "INTERNAL"
    links: tuple[TraceContext, ...] = ()
    is_error: bool = False


Export = Callable[[list[Span]], object]


class TracedHeaders:
    """The headers of a request as its handler sees them: its `traceparent` is the span of the handler."""

    __slots__ = ("_headers", "_traceparent")

    def __init__(self, headers: Iterable[tuple[str, str]], traceparent: str) -> None:
        self._headers = headers
        self._traceparent = traceparent

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for name, value in self._headers:
            if name.lower() != TRACEPARENT:
                yield name, value
        yield TRACEPARENT, self._traceparent


class RequestTrace(JobTimes):
    """Gives the spans of a sampled request to `export` when it is answered; a stream is, when it ends."""

    def __init__(
        self, name: str, trace_id: int, parent: TraceContext | None, attributes: dict[str, Any], export: Export,
        kind: SpanKind = "SERVER",
    ) -> None:  # fmt: skip
        super().__init__()
        self.trace_id = f"{trace_id:032x}"
        self.context = TraceContext(trace_id, _new_span_id(), True)
        self.handler_context = TraceContext(trace_id, _new_span_id(), True)
        self._name = name
        self._parent = parent
        self._attributes = attributes
        self._export = export
        self._kind = kind
        self._started_at = monotonic()
        self._epoch = time() - self._started_at

    def observed(self, given: Input) -> Input:
        """The request with these times, and the handler's span among its headers."""
        return given._replace(headers=TracedHeaders(given.headers, str(self.handler_context)), times=self)

    def on_outcome(self, outcome: Any) -> None:
        """Export the spans; a stream's are exported when it ends."""
        if isinstance(outcome, ResponseStream):
            outcome.call_on_close(lambda: self._finish(outcome.first))
        else:
            self._finish(outcome)

    def _finish(self, outcome: Output | Exception) -> None:
        status = outcome.status if isinstance(outcome, Output) else describe_error(outcome).status
        attributes = {**self._attributes, "http.response.status_code": status}
        if self.model:
            attributes |= {"marserve.model.name": self.model, "marserve.model.version": self.version}
        if isinstance(outcome, Exception):
            attributes["error.type"] = type(outcome).__name__
        request = Span(
            self._name, self.context, self._parent, self._started_at + self._epoch, monotonic() + self._epoch,
            attributes, self._kind, is_error=status >= SERVER_ERROR,
        )  # fmt: skip
        self._export([request, *self._phases(is_error=request.is_error)])

    def _phases(self, *, is_error: bool) -> Iterator[Span]:
        if not self.batch_ended_at:  # refused, or timed out while it waited
            return
        yield self._phase("queue", self.arrived_at, self.taken_at)
        batch = TraceContext(self.context.trace_id, _new_span_id(), True)
        together = tuple(each.context for each in self.batch if isinstance(each, RequestTrace))
        attributes = {"marserve.batch.size": self.batch_size, "marserve.worker": self.worker}
        yield self._phase("batch", self.taken_at, self.batch_ended_at)._replace(
            context=batch, attributes=attributes, links=together, is_error=is_error
        )
        if self.handler is not None:
            called = self._phase("handler", self.handler.started_at, self.handler.ended_at)
            yield called._replace(context=self.handler_context, parent=batch)
            yield self._phase("encoding", self.handler.ended_at, self.handler.encoded_at)._replace(parent=batch)

    def _phase(self, name: str, started_at: float, ended_at: float) -> Span:
        context = TraceContext(self.context.trace_id, _new_span_id(), True)
        return Span(name, context, self.context, started_at + self._epoch, ended_at + self._epoch, {})


def _new_span_id() -> int:
    return RANDOM.getrandbits(64) or 1
