"""The handlers of log lines: the console, and files that are rolled over."""

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO

from app.logging.formatters import TextFormatter

MAX_FILE_BYTES = 100 << 20
BACKUP_COUNT = 5


class LineHandler(logging.StreamHandler[TextIO]):
    """Takes records, or lines as they are.

    Lines that cannot be written are lost and counted; the next one that can be says how many there were. Nothing is
    written to stderr instead: the output of archives on stderr becomes a line of these very logs.
    """

    lost_lines = 0
    on_loss: Callable[["LineHandler", BaseException], object] | None = None
    """Called when a first line is lost, and again after each recovery."""
    _recently_lost = 0

    def write(self, lines: str) -> None:
        """Write whole lines as they are; a record of them would cost as much as fifty lines of the access log."""
        assert self.lock is not None  # closed handlers keep theirs
        with self.lock:
            try:
                self.before_write(len(lines))
                self.stream.write(self._recovery() + lines if self._recently_lost else lines)
                self.flush()
                self._recently_lost = 0
            except Exception as error:
                self._lose(lines.count("\n"), error)

    def before_write(self, length: int) -> None:
        """Prepare the stream for that many characters."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record's lines."""
        self.write(self.format(record) + self.terminator)

    def _lose(self, count: int, error: BaseException) -> None:
        is_first = self._recently_lost == 0
        self.lost_lines += count
        self._recently_lost += count
        if is_first and self.on_loss is not None:
            self.on_loss(self, error)

    def _recovery(self) -> str:
        text = f"{self._recently_lost} lines of this log were lost, at most; it can be written again."
        fields = {"name": "marserve.logs", "levelno": logging.WARNING, "levelname": "WARNING", "msg": text}
        return (self.formatter or TextFormatter()).format(logging.makeLogRecord(fields)) + self.terminator


class ConsoleHandler(LineHandler):
    """The terminal or the platform's log collector."""

    def close(self) -> None:
        """Give up what cannot be written: Python would try again at its end, and fail with a status of its own."""
        try:
            self.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError), Path(os.devnull).open("w") as nowhere:
                os.dup2(nowhere.fileno(), self.stream.fileno())
        super().close()


class RecordHandler(ConsoleHandler):
    """The same for records, among lines that wait elsewhere: those are written before a record that is younger."""

    before_record: Callable[[], object] | None = None
    """Writes the lines that wait; without the lock of this handler, as that may fail and be reported here."""

    def handle(self, record: logging.LogRecord) -> bool:
        """Write a record, if no filter drops it."""
        if self.before_record is not None:
            self.before_record()
        return super().handle(record)


class FileHandler(LineHandler, RotatingFileHandler):
    """A file that is rolled over at MAX_FILE_BYTES; raises OSError if it cannot be written."""

    _until_check = 0

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=MAX_FILE_BYTES, backupCount=BACKUP_COUNT, encoding="utf-8")

    def close(self) -> None:
        """Close the file; what a full disk has not taken is lost."""
        with suppress(OSError):
            super().close()

    def before_write(self, length: int) -> None:
        """Roll a full file over; checks only after every hundredth of its size, as asking the system is not cheap."""
        self._until_check -= length
        if self._until_check < 0:
            self._until_check = self.maxBytes // 100
            if self.shouldRollover(logging.makeLogRecord({})):
                self.doRollover()
