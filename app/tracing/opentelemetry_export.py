"""The export of spans by OpenTelemetry's SDK, configured by the standard OTEL_* variables; needs the extra `otel`.

The SDK's tracer is passed by: a span of it takes as long as a small model. Finished spans are handed to its processor.
"""

import logging
from collections.abc import Mapping

from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from app import release
from app.tracing.request_trace import Span
from app.tracing.trace_context import TraceContext

LOG = logging.getLogger("marserve.tracing")
NANOSECONDS = 1_000_000_000
PROTOCOL, TRACES_PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
_UNSET, _ERROR = Status(StatusCode.UNSET), Status(StatusCode.ERROR)


class SpanExport:
    """Hands spans to a processor, which sends them in batches from a thread of its own."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._processor = BatchSpanProcessor(exporter)
        given = Resource.create({SERVICE_VERSION: release.version()})
        named = not str(given.attributes.get(SERVICE_NAME, "")).startswith("unknown_service")
        self._resource = given if named else given.merge(Resource({SERVICE_NAME: "marserve"}))
        self._scope = InstrumentationScope("marserve", release.version())

    def __repr__(self) -> str:
        return f"<SpanExport of {self._resource.attributes.get(SERVICE_NAME)}>"

    def __call__(self, spans: list[Span]) -> None:
        """Take the spans of a request."""
        for span in spans:
            self._processor.on_end(self._readable(span))

    def close(self) -> None:
        """Send what is left."""
        self._processor.shutdown()

    def _readable(self, span: Span) -> ReadableSpan:
        return ReadableSpan(
            span.name, _context(span.context), span.parent and _context(span.parent, is_remote=span.kind == "SERVER"),
            self._resource, span.attributes, links=[Link(_context(each)) for each in span.links],
            kind=SpanKind[span.kind], status=_ERROR if span.is_error else _UNSET,
            start_time=int(span.started_at * NANOSECONDS), end_time=int(span.ended_at * NANOSECONDS),
            instrumentation_scope=self._scope,
        )  # fmt: skip


def make_export(environ: Mapping[str, str]) -> SpanExport:
    """The export that OTEL_TRACES_EXPORTER and OTEL_EXPORTER_OTLP_* name; raises ImportError where one is missing."""
    return SpanExport(_exporter(environ))


def _exporter(environ: Mapping[str, str]) -> SpanExporter:
    if environ.get("OTEL_TRACES_EXPORTER", "otlp").strip().lower() == "console":
        return ConsoleSpanExporter()
    if environ.get(TRACES_PROTOCOL, environ.get(PROTOCOL, "http/protobuf")) == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as grpc_exporter  # a package of its own

        return grpc_exporter.OTLPSpanExporter()
    from opentelemetry.exporter.otlp.proto.http import trace_exporter as http_exporter

    return http_exporter.OTLPSpanExporter()


def _context(context: TraceContext, *, is_remote: bool = False) -> SpanContext:
    return SpanContext(context.trace_id, context.span_id, is_remote, TraceFlags(TraceFlags.SAMPLED))
