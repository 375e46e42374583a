"""The fixture of services in processes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.process_service import LoadedProcess, Make


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes services of a handler's source; they are closed after the test."""
    made: list[LoadedProcess] = []

    def make(handler: str, files: dict[str, str] | None = None, *, load: bool = True, **options: Any) -> LoadedProcess:
        made.append(LoadedProcess(tmp_path / str(len(made)), handler, files or {}, **options))
        if load:
            made[-1].service.load()
        return made[-1]

    yield make
    for remote in made:
        remote.service.close()
