"""Errors of a shared state."""

from collections.abc import Sequence

from model_registry.errors import RegistryError


class StateUnavailable(RegistryError):
    """The document cannot be read or written now; nothing was changed."""


class StateConflict(RegistryError):
    """Another replica has changed the document in a way that excludes this change."""


class InvalidDocument(RegistryError):
    """The document is none that this release understands."""


class StateTooLarge(RegistryError):
    """The document would grow beyond what replicas read; nothing was changed."""

    def __init__(self, models: int, size: int, limit: int) -> None:
        super().__init__(
            f"Nothing was changed: the shared state would have {models} models in {size} bytes, more than {limit}. "
            "Divide the models among several states."
        )


class ReplicasBehind(RegistryError):
    """Replicas have not taken over a change in time."""

    def __init__(self, revision: int, replicas: Sequence[str], seconds: float) -> None:
        names = ", ".join(replicas)
        super().__init__(f"Revision {revision} is stored, but not in force after {seconds:g} s on: {names}.")
