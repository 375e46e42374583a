"""The spans of a request."""

from app.tracing.request_trace import RequestTrace, Span, TracedHeaders
from app.tracing.trace_context import TraceContext
from handler.errors import PredictionFailed
from handler.job import Output
from handler.job_times import HandlerTimes

PARENT = TraceContext(7, 8, True)


def trace(exported: list[Span]) -> RequestTrace:
    return RequestTrace("POST /predictions/{model_name}", 7, PARENT, {"http.request.method": "POST"}, exported.extend)


def served(one: RequestTrace, *others: RequestTrace) -> None:
    one.model, one.version, one.worker, one.batch_size = "m", "1.0", "W-9000-m_1.0", 1 + len(others)
    one.arrived_at, one.taken_at, one.batch_ended_at = 1.0, 2.0, 5.0
    one.handler, one.batch = HandlerTimes(3.0, 4.0, 4.5), (one, *others)


def test_an_answer_has_spans_for_queue_batch_handler_and_encoding() -> None:
    exported: list[Span] = []
    one, other = trace(exported), trace(exported)
    served(one, other)
    one.on_outcome(Output(b"", 201))
    request, queue, batch, handler, encoding = exported
    assert [span.name for span in exported[1:]] == ["queue", "batch", "handler", "encoding"]
    assert (request.parent, request.kind, request.attributes["http.response.status_code"]) == (PARENT, "SERVER", 201)
    assert {queue.parent, batch.parent} == {request.context}
    assert {handler.parent, encoding.parent} == {batch.context}
    assert handler.context == one.handler_context
    assert batch.links == (one.context, other.context)
    assert [round(span.ended_at - span.started_at, 1) for span in exported[1:]] == [1.0, 3.0, 1.0, 0.5]
    assert len({span.context.span_id for span in exported}) == 5


def test_a_refused_request_has_a_span_of_its_own_alone() -> None:
    exported: list[Span] = []
    trace(exported).on_outcome(PredictionFailed())
    (request,) = exported
    assert request.is_error
    assert request.attributes["error.type"] == "PredictionFailed"


def test_a_handler_sees_the_span_of_its_own() -> None:
    assert [*TracedHeaders([("Traceparent", "theirs"), ("a", "b")], "ours")] == [("a", "b"), ("traceparent", "ours")]
