"""The command `marserve fleet`."""

from pathlib import Path

import pytest

from app.cli import main
from model_registry.state.document import Document, VersionState
from model_registry.state.document_store import document_store
from model_registry.state.heartbeats import Heartbeat


def test_replicas_and_models_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = str(tmp_path / "state.json")
    assert main(["fleet", "--state", place]) == 2
    assert "There is no state" in capsys.readouterr().err
    store = document_store(place, tmp_path)
    document = Document(6).with_version("m", "1.0", VersionState("m.mar", 2, 2))
    tag = store.write(document.to_bytes(), None)
    assert main(["fleet", "--state", place]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == ["revision 6, 1 model(s)", "  m: 1.0 (default) x2"]
    store.write_heartbeat("a-1", Heartbeat.of_this_process("a-1", 6, 1, "").to_bytes())
    assert main(["fleet", "--state", place]) == 0
    store.write_heartbeat("b-2", Heartbeat.of_this_process("b-2", 4, 1, "the store is away").to_bytes())
    assert main(["fleet", "--state", place]) == 1
    shown = capsys.readouterr().out
    assert "b-2" in shown
    assert "the store is away" in shown
    store.write(b"{", tag)
    assert main(["fleet", "--state", place]) == 2
    assert "cannot be read" in capsys.readouterr().err
