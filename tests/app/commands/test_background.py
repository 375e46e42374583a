"""The process that serves in the background ends with its pid file."""

import tempfile
from pathlib import Path

import pytest

from app.commands import background, torchserve_process


def test_a_server_that_cannot_listen_leaves_no_pid_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "store").mkdir()
    (tmp_path / "config.properties").write_text("inference_address=unix:/nowhere/at/all.sock\n")
    file = torchserve_process.pid_file()
    file.acquire()
    assert background.main(["--start", "--ncs", "--dt", "--model-store", "store"]) == 1
    assert not file.path.exists()
