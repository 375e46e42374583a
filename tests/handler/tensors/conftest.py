"""Models are loaded on the thread of the test: the working directory that they get is put back."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def working_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore the working directory after each test."""
    monkeypatch.chdir(Path.cwd())
