"""The server's configuration of model repositories; it needs none of what serves them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from handler.isolation.process.environ import Environment

DEFAULT_MAX_BATCH_SIZE = 4


@dataclass(frozen=True, slots=True)
class LaunchOptions:
    """The server's configuration, as far as it concerns the models of repositories."""

    completes: bool = True
    """Whether configurations are completed from model files."""
    default_max_batch_size: int = DEFAULT_MAX_BATCH_SIZE
    adaptive_batching: bool = True
    loop_pacing: bool = True
    allow_pickles: bool = True
    cache_bytes: int = 0
    """The size of the response cache; 0 for none."""
    environment: Environment = Environment()  # noqa: RUF009 (it is a value)


ControlMode = Literal["none", "explicit", "poll"]
ALL = "*"
POLL_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class RepositoryOptions:
    """The repositories, and how their models are controlled."""

    paths: Sequence[Path]
    mode: ControlMode = "none"
    load_models: Sequence[str] = ()
    """In the mode "explicit", the models that are loaded at the start; `ALL` stands for all."""
    poll_seconds: float = POLL_SECONDS
    config_name: str = ""
    launch: LaunchOptions = field(default_factory=LaunchOptions)
    strict_readiness: bool = True
    """Whether the server is ready only while every model that was ever asked for is."""
    cpu_metrics: bool = True
    """Whether the metrics show the host's processors and memory."""
