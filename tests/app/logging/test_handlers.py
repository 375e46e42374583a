"""Handlers write records and lines, roll files over, and drop lines that cannot be written."""

import errno
import io
import logging
import subprocess
import sys
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


class Full(io.StringIO):
    """A stream whose disk is full, for a while."""

    is_full = True

    def write(self, text: str) -> int:
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


def test_lost_lines_are_counted_and_the_next_line_says_how_many() -> None:
    handler, losses = ConsoleHandler(stream := Full()), []
    handler.on_loss = lambda lost, error: losses.append((lost, str(error)))
    handler.handle(record("lost"))
    handler.write("lost\nlost\n")
    assert handler.lost_lines == 3
    assert losses == [(handler, "[Errno 28] No space left on device")]
    stream.is_full = False
    handler.write("written\n")
    handler.write("more\n")
    recovery, *lines = stream.getvalue().splitlines()
    assert lines == ["written", "more"]
    assert "marserve.logs - 3 lines of this log were lost, at most; it can be written again." in recovery
    stream.is_full = True
    handler.write("lost\n")
    assert (handler.lost_lines, len(losses)) == (4, 2)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_what_a_full_disk_did_not_take_does_not_fail_the_exit() -> None:
    script = (
        "import sys; from app.logging.handlers import ConsoleHandler; handler = ConsoleHandler(sys.stdout); "
        "handler.write('lost\\n'); handler.close()"
    )
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", script], stdout=full, stderr=subprocess.PIPE, check=False, timeout=60
        )
    assert (ended.returncode, ended.stderr) == (0, b"")
