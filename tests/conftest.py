"""Archives made of a few lines of source, and servers that run inside the test."""

import json
import textwrap
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

MakeArchive = Callable[..., Path]


@pytest.fixture
def anyio_backend() -> str:
    """The event loop that the server is written for."""
    return "asyncio"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """An empty model store."""
    folder = tmp_path / "store"
    folder.mkdir()
    return folder


@pytest.fixture
def archive(store: Path) -> MakeArchive:
    """Writes NAME.mar to the store: a handler's source, and further files by name."""

    def make(
        name: str, handler: str, files: Mapping[str, str | bytes] | None = None, *, version: str = "1.0",
        config: str | None = None, file: str | None = None, **model: Any,
    ) -> Path:  # fmt: skip
        manifest = {
            "createdOn": "01/01/2026 00:00:00",
            "runtime": "python",
            "model": {"modelName": name, "handler": "handler.py", "modelVersion": version, **model},
            "archiverVersion": "0.12.0",
        }
        contents = {"handler.py": textwrap.dedent(handler), **(files or {})}
        if config is not None:
            manifest["model"]["configFile"] = "model-config.yaml"  # type: ignore[index]
            contents["model-config.yaml"] = textwrap.dedent(config)
        path = store / (file or f"{name}.mar")
        with zipfile.ZipFile(path, "w") as out:
            out.writestr("MAR-INF/MANIFEST.json", json.dumps(manifest))
            for entry, content in contents.items():
                out.writestr(entry, content)
        return path

    return make
