"""The settings of model repositories and of their protocol, as `tritonserver` names them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from re import Pattern

from model_registry.triton.options import RepositoryOptions

VERSION = "2.51.0"
"""The release of Triton whose contract clients see."""


@dataclass(frozen=True, slots=True)
class LogSettings:
    """The log settings that clients may read and change."""

    file: str = ""
    info: bool = True
    warning: bool = True
    error: bool = True
    verbose_level: int = 0
    format: str = "default"


@dataclass(frozen=True, slots=True)
class TritonSettings:
    """A server of model repositories."""

    repository: RepositoryOptions
    server_id: str = "triton"
    is_alone: bool = False
    """Whether this is `tritonserver`: nothing but Triton's APIs, on Triton's ports."""
    allow_http: bool = True
    allow_grpc: bool = True
    allow_metrics: bool = True
    exit_on_error: bool = True
    overdue_status: int = 0
    """The exit status where requests in flight have not been answered in time."""
    http_restrictions: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """The header, and its value, that a request to a restricted API has to have."""
    grpc_restrictions: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    http_forwarded: Pattern[str] | None = None
    """The names of headers that become parameters of requests."""
    grpc_forwarded: Pattern[str] | None = None
    log: LogSettings = LogSettings()
    grpc_compression: str = "none"
    """The compression of inference responses: none, low, medium or high."""
    grpc_channel: Sequence[tuple[str, int]] = ()
    """Options of gRPC's for connections."""
    grpc_root_certificate: Path | None = None
    """The certificates that clients' own must come from, where clients need one."""
