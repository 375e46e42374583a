"""The tracer that the standard OTEL_* variables ask for; nothing is imported where they ask for none."""

import logging
from collections.abc import Mapping

from app.tracing.sampling import InvalidVariable, Sampler
from app.tracing.tracer import Tracer

LOG = logging.getLogger("marserve.tracing")
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
EXPORTERS = ("otlp", "console")


def is_wanted(environ: Mapping[str, str]) -> bool:
    """Whether traces are to be exported: an exporter or an endpoint is named, and the SDK is not disabled."""
    exporter = environ.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if exporter == "none" or environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    return bool(exporter) or any(environ.get(name) for name in ENDPOINTS)


def make_tracer(environ: Mapping[str, str]) -> Tracer | None:
    """The tracer; None where none is wanted, or none can be had: the log says why, and the server serves without."""
    if not is_wanted(environ):
        return None
    exporter = environ.get("OTEL_TRACES_EXPORTER", "otlp").strip().lower()
    try:
        if exporter not in EXPORTERS:
            raise InvalidVariable(f"OTEL_TRACES_EXPORTER={exporter}: it must be one of {', '.join(EXPORTERS)}, none")
        sampler = Sampler.of_environment(environ)
        from app.tracing.opentelemetry_export import make_export

        export = make_export(environ)
    except InvalidVariable as error:
        LOG.error("No traces are exported: %s.", error)
        return None
    except ImportError as error:
        LOG.error("No traces are exported: %s is missing; pip install 'marserve[otel]' has it.", error.name)
        return None
    LOG.info("Traces are exported by %s, %s of those that begin here.", exporter, f"{sampler.ratio:.4g}")
    return Tracer(sampler, export, export.close)
