"""Spans as OpenTelemetry's SDK has them."""

import pytest

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from app.tracing.opentelemetry_export import SpanExport
from app.tracing.request_trace import Span
from app.tracing.trace_context import TraceContext

OWN, PARENT = TraceContext(1, 2, True), TraceContext(1, 3, True)


def test_a_span_is_handed_on_with_its_parent_links_and_times() -> None:
    exporter = InMemorySpanExporter()
    export = SpanExport(exporter)
    export([Span("batch", OWN, PARENT, 1.0, 2.5, {"marserve.batch.size": 3}, links=(PARENT,), is_error=True)])
    export.close()
    (span,) = exporter.get_finished_spans()
    assert (span.name, span.kind, span.status.status_code) == ("batch", SpanKind.INTERNAL, StatusCode.ERROR)
    assert span.parent is not None
    assert span.context is not None
    assert (span.context.span_id, span.parent.span_id, [each.context.span_id for each in span.links]) == (2, 3, [3])
    assert (span.start_time, span.end_time) == (1_000_000_000, 2_500_000_000)
    assert span.resource.attributes["service.name"] == "marserve"
