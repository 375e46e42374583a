"""The tracer that the environment asks for."""

import subprocess
import sys

import pytest

from app.tracing.configuration import is_wanted, make_tracer


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1"}, True),
        ({"OTEL_TRACES_EXPORTER": "console"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, False),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp"}, False),
    ],
)
def test_traces_are_exported_where_an_exporter_or_endpoint_is_named(environ: dict[str, str], wanted: bool) -> None:
    assert is_wanted(environ) is wanted


@pytest.mark.parametrize("environ", [{"OTEL_TRACES_EXPORTER": "zipkin"}, {"OTEL_TRACES_SAMPLER": "mine"}])
def test_a_server_serves_without_traces_where_a_variable_is_wrong(
    environ: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    assert make_tracer({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", **environ}) is None
    assert next(iter(environ.values())) in caplog.text


def test_nothing_is_imported_where_no_traces_are_wanted() -> None:
    code = "import sys, app.model_server; sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
