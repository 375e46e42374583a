"""Models are loaded on the thread of the test: the working directory and the worker that it gets are put back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from handler.isolation.thread_inheritance import outside


@pytest.fixture(autouse=True)
def thread_state(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Restore the working directory and the inherited values of the thread after each test."""
    monkeypatch.chdir(Path.cwd())
    with outside():
        yield
