"""Errors of archives that clients send."""

from typing import Self

from model_registry.errors import RegistryError


class UploadRefused(RegistryError):
    """A file that a client sends to the store is no archive, too large, or cannot be written."""


class UploadConflict(RegistryError):
    """A piece does not follow those before, the store has a file of that name, or too many uploads are in progress."""

    @classmethod
    def of_existing(cls, name: str) -> Self:
        """The conflict with a file of the store."""
        return cls(f"The model store has a file {name} already: register that one, or let this one replace it.")
