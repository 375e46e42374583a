"""Errors of a shared state."""

from collections.abc import Sequence

from model_registry.errors import RegistryError


class StateUnavailable(RegistryError):
    """The document cannot be read or written now; nothing was changed."""


class StateConflict(RegistryError):
    """Another replica has changed the document in a way that excludes this change."""


class InvalidDocument(RegistryError):
    """The document is none that this release understands."""


class ReplicasBehind(RegistryError):
    """Replicas have not taken over a change in time."""

    def __init__(self, revision: int, replicas: Sequence[str], seconds: float) -> None:
        names = ", ".join(replicas)
        super().__init__(f"Revision {revision} is stored, but not in force after {seconds:g} s on: {names}.")
