"""The flags of `tritonserver`."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from app.commands.tritonserver.flag_values import boolean, http_pattern, pattern, restriction
from app.commands.tritonserver.repository_flags import add_repository_flags

COMPRESSION_LEVELS = ("none", "low", "medium", "high")
INTEGERS_WITHOUT_EFFECT = (
    "model-load-thread-count", "model-load-retry-count", "http-thread-count", "grpc-infer-allocation-pool-size",
    "sagemaker-port", "sagemaker-thread-count", "vertex-ai-port", "vertex-ai-thread-count",
    "pinned-memory-pool-byte-size", "buffer-manager-thread-count", "response-cache-byte-size", "trace-rate",
    "trace-count", "trace-log-frequency",
)  # fmt: skip
BOOLEANS_WITHOUT_EFFECT = (
    "enable-peer-access", "reuse-http-port", "reuse-grpc-port", "allow-gpu-metrics", "model-namespacing",
)  # fmt: skip
TEXTS_WITHOUT_EFFECT = (
    "sagemaker-safe-port-range", "vertex-ai-default-model", "metrics-interval-ms", "metrics-config", "trace-config",
    "backend-directory", "repoagent-directory", "cache-directory", "rate-limit-resource", "cuda-memory-pool-byte-size",
    "cuda-virtual-address-size", "min-supported-compute-capability", "host-policy", "model-load-gpu-limit",
    "trace-file", "trace-level",
)  # fmt: skip
"""Flags of what one process, or a CPU, has not. They are accepted, with a warning."""


class _Parser(argparse.ArgumentParser):
    """Ends the process with status 1 where argparse would choose another, as `tritonserver` does."""

    def error(self, message: str) -> NoReturn:
        self.print_usage()
        self.exit(1, f"{self.prog}: {message}\n")

    def print_help(self, file: Any = None) -> None:
        super().print_help(file)
        self.exit(1)


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    made = _Parser("tritonserver", description="Serves Triton's model repositories.", allow_abbrev=False)
    repository = made.add_argument_group("model repository")
    add_repository_flags(repository, "--model-store")
    repository.add_argument(
        "--exit-on-error", type=boolean, default=True, help="end if a model does not load at the start"
    )
    _add_http(made)
    _add_grpc(made)
    _add_metrics(made)
    _add_server(made)
    ignored = made.add_argument_group("accepted without effect")
    kinds: list[tuple[tuple[str, ...], Callable[[str], Any]]] = [
        (INTEGERS_WITHOUT_EFFECT, int), (BOOLEANS_WITHOUT_EFFECT, boolean), (TEXTS_WITHOUT_EFFECT, str),
    ]  # fmt: skip
    for names, kind in kinds:
        for name in names:
            ignored.add_argument(f"--{name}", type=kind, action="append")
    ignored.add_argument("--rate-limit", choices=("execution_count", "off"), action="append")
    return made


def without_effect(arguments: argparse.Namespace) -> list[str]:
    """The given flags that change nothing here."""
    names = (*INTEGERS_WITHOUT_EFFECT, *BOOLEANS_WITHOUT_EFFECT, *TEXTS_WITHOUT_EFFECT, "rate-limit")
    return [f"--{name}" for name in names if getattr(arguments, name.replace("-", "_")) is not None]


def _add_http(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("HTTP")
    group.add_argument("--allow-http", type=boolean, default=True)
    group.add_argument("--http-address", default="0.0.0.0")  # noqa: S104 (so does the original)
    group.add_argument("--http-port", type=int, default=8000)
    group.add_argument("--http-header-forward-pattern", type=http_pattern, help="headers that become parameters")
    group.add_argument("--http-restricted-api", type=restriction, action="append", default=[])
    group.add_argument("--http-max-input-size", type=int, default=2**31 - 1, help="bytes of a body")


def _add_grpc(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("gRPC")
    group.add_argument("--allow-grpc", type=boolean, default=True)
    group.add_argument("--grpc-address", default="0.0.0.0")  # noqa: S104 (so does the original)
    group.add_argument("--grpc-port", type=int, default=8001)
    group.add_argument("--grpc-header-forward-pattern", type=pattern, help="headers that become parameters")
    group.add_argument("--grpc-restricted-protocol", type=restriction, action="append", default=[])
    group.add_argument("--grpc-use-ssl", type=boolean, default=False)
    group.add_argument("--grpc-use-ssl-mutual", type=boolean, default=False)
    for file in ("server-cert", "server-key", "root-cert"):
        group.add_argument(f"--grpc-{file}", type=Path)
    group.add_argument("--grpc-infer-response-compression-level", choices=COMPRESSION_LEVELS, default="none")
    group.add_argument("--grpc-max-connection-age", type=int, help="milliseconds")
    group.add_argument("--grpc-max-connection-age-grace", type=int, help="milliseconds")
    group.add_argument("--grpc-keepalive-time", type=int, default=7_200_000, help="milliseconds")
    group.add_argument("--grpc-keepalive-timeout", type=int, default=20_000, help="milliseconds")
    group.add_argument("--grpc-keepalive-permit-without-calls", type=boolean, default=False)
    group.add_argument("--grpc-http2-max-pings-without-data", type=int, default=2)
    group.add_argument("--grpc-http2-min-recv-ping-interval-without-data", type=int, default=300_000)
    group.add_argument("--grpc-http2-max-ping-strikes", type=int, default=2)


def _add_metrics(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("metrics")
    group.add_argument("--allow-metrics", type=boolean, default=True)
    group.add_argument("--metrics-address", help="that of HTTP, if it is left out")
    group.add_argument("--metrics-port", type=int, default=8002)
    group.add_argument("--allow-cpu-metrics", type=boolean, default=True)


def _add_server(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("server")
    group.add_argument("--id", default="triton")
    group.add_argument("--exit-timeout-secs", type=int, default=30, help="seconds that requests in flight have")
    group.add_argument("--log-verbose", type=int, default=0)
    for level in ("info", "warning", "error"):
        group.add_argument(f"--log-{level}", type=boolean, default=True)
    group.add_argument("--log-format", choices=("default", "ISO8601"), default="default")
    group.add_argument("--log-file", default="")
    group.add_argument("--allow-sagemaker", type=boolean, default=False)
    group.add_argument("--allow-vertex-ai", type=boolean, default=False)
