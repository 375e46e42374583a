"""Begins the traces of requests, for every front."""

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import NamedTuple

from app.tracing.request_trace import Export, RequestTrace
from app.tracing.sampling import Sampler
from app.tracing.trace_context import TRACEPARENT, TRACERESPONSE, TraceContext, parse_traceparent
from app.tracing.workflow_trace import WorkflowTrace
from handler.job import Input
from model_registry.reply import PendingReply

RAW_TRACEPARENT = TRACEPARENT.encode()
Submit = Callable[[Input], PendingReply]


class Origin(NamedTuple):
    """The trace of a sampled request, and the span of its caller if there is one."""

    trace_id: int
    parent: TraceContext | None


class Tracer:
    """Decides which requests are traced, and gives their spans to `export`; `close` waits for what is not sent yet."""

    def __init__(self, sampler: Sampler, export: Export, close: Callable[[], object]) -> None:
        self._sampler = sampler
        self._export = export
        self.close = close

    def __repr__(self) -> str:
        return f"<Tracer {self._sampler}>"

    def sample(self, traceparent: str) -> Origin | None:
        """The trace that a request belongs to, if it is sampled; nothing is made for any other."""
        parent = parse_traceparent(traceparent) if traceparent else None
        if parent is None:
            trace_id = self._sampler.new_trace_id()
            return None if trace_id is None else Origin(trace_id, None)
        return Origin(parent.trace_id, parent) if self._sampler.samples(parent) else None

    def submit(self, given: Input, origin: Origin, name: str, request_id: str, submit: Submit) -> PendingReply:
        """Submit a sampled request; raises what `submit` raises. `name` is the span's: its method and its route."""
        trace = RequestTrace(name, *origin, request_attributes(name, request_id), self._export)
        try:
            reply = submit(trace.observed(given))
        except Exception as error:
            trace.on_outcome(error)
            raise
        reply.headers = (*reply.headers, (TRACERESPONSE, str(trace.context)))
        return reply

    def workflow(self, origin: Origin, name: str, request_id: str) -> WorkflowTrace:
        """The trace of a sampled request to a workflow."""
        return WorkflowTrace(name, *origin, request_attributes(name, request_id), self._export)


def request_attributes(name: str, request_id: str) -> dict[str, str]:
    """The attributes of a request's span."""
    method, _, route = name.partition(" ")
    return {"http.request.method": method, "http.route": route, "marserve.request.id": request_id}


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
