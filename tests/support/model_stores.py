"""Assertions about a model store: the folders that it unpacked, and what it refuses."""

from pathlib import Path

import pytest

from model_registry.archive.store import ModelStore
from model_registry.errors import RegistryError


def unpacked(place: Path) -> list[Path]:
    """The folders that are left of opened archives."""
    return list((place / "temporary").glob("models/*"))


def refuse(store: ModelStore, url: str, error: type[RegistryError], message: str) -> RegistryError:
    """Open what must not open; the message is the whole text."""
    with pytest.raises(error) as refusal:
        store.open(url)
    assert str(refusal.value) == message
    return refusal.value
