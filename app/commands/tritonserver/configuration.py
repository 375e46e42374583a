"""The settings of a server that the flags of `tritonserver` ask for."""

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path

from app.commands.tritonserver.flags import without_effect
from app.commands.tritonserver.repository import repository_options
from app.settings.errors import ConfigurationError
from app.settings.model import Settings
from app.settings.triton import LogSettings, TritonSettings
from app.settings.types import ListenAddress

OVERDUE_STATUS = 1


def settings_of(arguments: argparse.Namespace) -> Settings:
    """The settings; raises ConfigurationError."""
    http = ListenAddress("http", arguments.http_address, arguments.http_port)
    metrics = ListenAddress("http", arguments.metrics_address or arguments.http_address, arguments.metrics_port)
    _check(arguments)
    return Settings(
        inference_address=http, management_address=http, metrics_address=metrics,
        grpc_inference_address=arguments.grpc_address, grpc_inference_port=arguments.grpc_port,
        grpc_inference_max_connection_age_ms=arguments.grpc_max_connection_age,
        grpc_inference_max_connection_age_grace_ms=arguments.grpc_max_connection_age_grace,
        enable_grpc_ssl=arguments.grpc_use_ssl or arguments.grpc_use_ssl_mutual,
        private_key_file=arguments.grpc_server_key, certificate_file=arguments.grpc_server_cert,
        grpc_apis=("inference",) if arguments.allow_grpc else (),
        max_request_size=arguments.http_max_input_size, metrics_mode="prometheus", disable_system_metrics=True,
        authorization="off", drain_timeout=arguments.exit_timeout_secs, debug=arguments.log_verbose > 0,
        warnings=tuple(f"{flag} has no effect here." for flag in without_effect(arguments)),
        triton=_triton(arguments),
    )  # fmt: skip


def _triton(arguments: argparse.Namespace) -> TritonSettings:
    return TritonSettings(
        repository=repository_options(arguments, cpu_metrics=arguments.allow_cpu_metrics),
        server_id=arguments.id,
        is_alone=True,
        allow_http=arguments.allow_http,
        allow_metrics=arguments.allow_metrics,
        exit_on_error=arguments.exit_on_error,
        overdue_status=OVERDUE_STATUS,
        http_restrictions=_merged(arguments.http_restricted_api),
        grpc_restrictions=_merged(arguments.grpc_restricted_protocol),
        http_forwarded=arguments.http_header_forward_pattern,
        grpc_forwarded=arguments.grpc_header_forward_pattern,
        grpc_compression=arguments.grpc_infer_response_compression_level,
        grpc_channel=_channel(arguments),
        grpc_root_certificate=arguments.grpc_root_cert if arguments.grpc_use_ssl_mutual else None,
        log=LogSettings(
            file=arguments.log_file, info=arguments.log_info, warning=arguments.log_warning, error=arguments.log_error,
            verbose_level=arguments.log_verbose, format=arguments.log_format,
        ),
    )  # fmt: skip


def _check(arguments: argparse.Namespace) -> None:
    if not arguments.model_repository:
        raise ConfigurationError("--model-repository must be specified")
    if arguments.allow_sagemaker or arguments.allow_vertex_ai:
        raise ConfigurationError("The APIs of SageMaker and Vertex AI are not served.")
    if arguments.grpc_use_ssl or arguments.grpc_use_ssl_mutual:
        _check_certificates(arguments)


def _check_certificates(arguments: argparse.Namespace) -> None:
    files: list[tuple[str, Path | None]] = [
        ("--grpc-server-cert", arguments.grpc_server_cert), ("--grpc-server-key", arguments.grpc_server_key),
    ]  # fmt: skip
    if arguments.grpc_use_ssl_mutual:
        files.append(("--grpc-root-cert", arguments.grpc_root_cert))
    for flag, file in files:
        if file is None or not file.is_file():
            raise ConfigurationError(f"{flag} is needed, and has to be a file: {file}")


def _merged(restrictions: Iterable[Mapping[str, tuple[str, str]]]) -> dict[str, tuple[str, str]]:
    return {api: header for each in restrictions for api, header in each.items()}


def _channel(arguments: argparse.Namespace) -> tuple[tuple[str, int], ...]:
    return (
        ("grpc.keepalive_time_ms", arguments.grpc_keepalive_time),
        ("grpc.keepalive_timeout_ms", arguments.grpc_keepalive_timeout),
        ("grpc.keepalive_permit_without_calls", int(arguments.grpc_keepalive_permit_without_calls)),
        ("grpc.http2.max_pings_without_data", arguments.grpc_http2_max_pings_without_data),
        (
            "grpc.http2.min_ping_interval_without_data_ms",
            arguments.grpc_http2_min_recv_ping_interval_without_data,
        ),
        ("grpc.http2.max_ping_strikes", arguments.grpc_http2_max_ping_strikes),
    )
