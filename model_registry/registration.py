"""A request to serve an archive."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["model", "node", "function", "repository"]
"""A model of its own; a node of a workflow: another archive, or a function of the workflow's own handler; or a model
that its repository controls."""


@dataclass(frozen=True, slots=True)
class Registration:
    """The archive and how to serve it; what is None is taken from the archive and the server's configuration.

    So are numbers of -1 (a delay of -100), as in TorchServe. Delays are milliseconds, timeouts seconds.
    """

    url: str
    model_name: str | None = None
    handler: str | None = None
    runtime: str | None = None
    batch_size: int | None = None
    max_batch_delay: int | None = None
    initial_workers: int | None = None
    response_timeout: int | None = None
    startup_timeout: int | None = None
    isolation: str | None = None
    threads: int | None = None
    wait: bool = True
    """Whether registering returns only when the workers have loaded."""
    at_startup: bool = False
    """Whether the server loads the model by itself: only then do the workers of the `models` setting count."""
    fallback_name: str | None = None
    """The name of a model that neither the request nor its manifest names."""
    state: Mapping[str, Any] | None = None
    """The version's entry in a snapshot, which wins over all else."""
    role: Role = "model"
    version_suffix: str = ""
    """Appended to the manifest's version, so that an archive can be loaded beside an older state of itself."""
