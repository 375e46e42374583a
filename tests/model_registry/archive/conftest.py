"""A model store, with a folder for what it unpacks."""

from pathlib import Path

import pytest

from model_registry.archive.store import ModelStore


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with an empty store and a folder for temporary files in it."""
    (tmp_path / "store").mkdir()
    (tmp_path / "temporary").mkdir()
    return tmp_path


@pytest.fixture
def model_store(place: Path) -> ModelStore:
    """The store of that folder."""
    return ModelStore(place / "store", temporary=place / "temporary")
