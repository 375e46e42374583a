"""A working folder with models that are no archives."""

from pathlib import Path

import pytest

HANDLER = "def handle(data, context):\n    return data\n"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A working folder with a model of each kind."""
    folder = tmp_path / "work"
    (folder / "mine").mkdir(parents=True)
    (folder / "mine" / "handler.py").write_text(HANDLER)
    (folder / "single.py").write_text(HANDLER)
    (folder / "net.onnx").write_bytes(b"onnx")
    return folder
