"""A configuration with which no server can start ends the command with one line."""

from pathlib import Path

import pytest

from app import cli


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder with a wrong configuration."""
    (tmp_path / "config.properties").write_text("model_store=.\njob_queue_size=many\n")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def test_it_is_written_where_the_command_writes_its_errors(capsys: pytest.CaptureFixture[str]) -> None:
    """`torchserve` prints them to stdout, as the original does."""
    line = "Invalid configuration: job_queue_size=many (config.properties, line 2): expected a whole number\n"
    assert cli.torchserve(["--start", "--foreground"]) == 1
    assert capsys.readouterr() == (line, "")
    assert cli.main(["serve"]) == 1
    assert capsys.readouterr() == ("", line)
