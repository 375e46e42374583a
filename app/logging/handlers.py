"""The handlers of log lines: the console, and files that are rolled over."""

import logging
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO

MAX_FILE_BYTES = 100 << 20
BACKUP_COUNT = 5


class LineHandler(logging.StreamHandler[TextIO]):
    """Takes records, or lines as they are.

    It drops lines that cannot be written, instead of complaining on stderr: output of archives on stderr becomes a
    line of these very logs.
    """

    def write(self, lines: str) -> None:
        """Write whole lines as they are; a record of them would cost as much as fifty lines of the access log."""
        assert self.lock is not None  # closed handlers keep theirs
        with self.lock, suppress(Exception):
            self.before_write(len(lines))
            self.stream.write(lines)
            self.flush()

    def before_write(self, length: int) -> None:
        """Prepare the stream for that many characters."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Do nothing."""


class ConsoleHandler(LineHandler):
    """The terminal or the platform's log collector."""


class FileHandler(LineHandler, RotatingFileHandler):
    """A file that is rolled over at MAX_FILE_BYTES; raises OSError if it cannot be written."""

    _until_check = 0

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=MAX_FILE_BYTES, backupCount=BACKUP_COUNT, encoding="utf-8")

    def before_write(self, length: int) -> None:
        """Roll a full file over; checks only after every hundredth of its size, as asking the system is not cheap."""
        self._until_check -= length
        if self._until_check < 0:
            self._until_check = self.maxBytes // 100
            if self.shouldRollover(logging.makeLogRecord({})):
                self.doRollover()
