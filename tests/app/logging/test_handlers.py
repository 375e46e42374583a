"""Handlers write records and lines, roll files over, and drop lines that cannot be written."""

import io
import logging
from pathlib import Path

import pytest

from app.logging import handlers
from app.logging.handlers import ConsoleHandler, FileHandler


def record(message: str) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": message})


def test_records_and_lines_share_a_stream() -> None:
    console = ConsoleHandler(stream := io.StringIO())
    console.handle(record("a record"))
    console.write("a line\nanother\n")
    assert stream.getvalue() == "a record\na line\nanother\n"


def test_a_stream_that_is_closed_disturbs_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    console = ConsoleHandler(stream := io.StringIO())
    stream.close()
    console.handle(record("a record"))
    console.write("a line\n")
    assert capsys.readouterr().err == ""


def test_a_full_file_is_rolled_over_before_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "MAX_FILE_BYTES", 100)
    monkeypatch.setattr(handlers, "BACKUP_COUNT", 1)
    file = FileHandler(tmp_path / "a.log")
    for number in range(3):
        file.write(f"{number}{'x' * 100}\n")
    file.close()
    assert {path.name: path.read_text()[0] for path in tmp_path.iterdir()} == {"a.log": "2", "a.log.1": "1"}


def test_a_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        FileHandler(tmp_path / "nowhere" / "a.log")
