"""Begins the traces of requests, for every front."""

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import NamedTuple

from app.tracing.request_trace import Export, RequestTrace, TracedHeaders
from app.tracing.sampling import Sampler
from app.tracing.trace_context import TRACEPARENT, TRACERESPONSE, parse_traceparent
from handler.job import Input
from model_registry.reply import PendingReply

RAW_TRACEPARENT = TRACEPARENT.encode()
Submit = Callable[[Input], PendingReply]


class Tracer:
    """Decides which requests are traced, and gives their spans to `export`; `close` waits for what is not sent yet."""

    def __init__(self, sampler: Sampler, export: Export, close: Callable[[], object]) -> None:
        self._sampler = sampler
        self._export = export
        self.close = close

    def __repr__(self) -> str:
        return f"<Tracer {self._sampler}>"

    def submit(self, given: Input, traceparent: str, name: str, request_id: str, submit: Submit) -> PendingReply:
        """Submit a request, traced if it is sampled; raises what `submit` raises. `name` is the span's."""
        trace = self._new_trace(traceparent, name, request_id)
        if trace is None:
            return submit(given)
        headers = TracedHeaders(given.headers, str(trace.handler_context))
        try:
            reply = submit(given._replace(headers=headers, times=trace))
        except Exception as error:
            trace.on_outcome(error)
            raise
        reply.headers = (*reply.headers, (TRACERESPONSE, str(trace.context)))
        return reply

    def _new_trace(self, traceparent: str, name: str, request_id: str) -> RequestTrace | None:
        """The trace of a request that is sampled."""
        parent = parse_traceparent(traceparent) if traceparent else None
        if parent is None:
            trace_id = self._sampler.new_trace_id()
        else:
            trace_id = parent.trace_id if self._sampler.samples(parent) else None
        if trace_id is None:
            return None
        method, _, route = name.partition(" ")
        attributes = {"http.request.method": method, "http.route": route, "marserve.request.id": request_id}
        return RequestTrace(name, trace_id, parent, attributes, self._export)


class TracedCall(NamedTuple):
    """The gRPC call in progress, where calls are traced."""

    tracer: Tracer
    traceparent: str
    name: str


current_call: ContextVar[TracedCall | None] = ContextVar("current_call", default=None)


def traceparent_of(lines: Iterable[tuple[bytes, bytes]]) -> str:
    """The traceparent among header lines, "" where there is none; for the hot path."""
    for name, value in lines:
        if len(name) == len(RAW_TRACEPARENT) and name.lower() == RAW_TRACEPARENT:
            return value.decode("latin-1")
    return ""
