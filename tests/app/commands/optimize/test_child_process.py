"""Child processes answer commands, or give the reason why they cannot."""

from pathlib import Path

import pytest

from app.commands.optimize.child_process import ChildFailed, ChildProcess


def test_commands_of_a_loaded_archive_and_their_failures(
    onnx_archive: Path, sample_files: list[Path], tmp_path: Path
) -> None:
    with ChildProcess.of_archive(onnx_archive, sample_files, 60) as process:
        assert process.started["start_seconds"] > 0
        assert process.call("handler", 60)["kind"] == "ONNX"
        assert process.call("measure", 60, rows=2, seconds=0.0)["batches"] == 3
        with pytest.raises(ChildFailed, match="unexpected keyword"):
            process.call("record", 60, nothing=1)
        with pytest.raises(ChildFailed, match="not within"):
            process.call("measure", 0.2, rows=1, seconds=30.0)


def test_an_archive_that_does_not_load(tmp_path: Path, sample_files: list[Path]) -> None:
    (tmp_path / "net.mar").write_bytes(b"no archive")
    with (
        pytest.raises(ChildFailed, match="it does not load: "),
        ChildProcess.of_archive(tmp_path / "net.mar", sample_files, 60),
    ):
        pass
