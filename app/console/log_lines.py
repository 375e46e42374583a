"""The log while the console is open: the newest lines of models and of the server, for each listener from its place."""

import logging
from collections import deque
from threading import Lock
from time import time
from typing import Any, NamedTuple

from app.logging.files import SERVER_LOGGER, Logs
from app.logging.formatters import worker_fields

MAX_LINES = 500
"""Lines that are kept; a listener that reads fewer than are written misses some, and is given their number."""
MAX_LINE_CHARACTERS = 2000


class LogLine(NamedTuple):
    """A line or record; `worker` is empty for the server's own."""

    number: int
    time: float
    worker: str
    level: str
    text: str

    def to_json(self) -> dict[str, Any]:
        """The line with the model and the version that its worker belongs to."""
        fields = worker_fields(self.worker) if self.worker else {}
        return {"time": self.time, "level": self.level, "text": self.text, **fields}


class LogLines(logging.Handler):
    """Takes lines from `start` to `stop`, on any thread."""

    def __init__(self, logs: Logs) -> None:
        super().__init__()
        self._logs = logs
        self._lines: deque[LogLine] = deque(maxlen=MAX_LINES)
        self._count = 0
        self._counting = Lock()

    def __repr__(self) -> str:
        return f"<LogLines {len(self._lines)} of {self._count}>"

    def start(self) -> None:
        """Take lines from now on."""
        self._logs.on_model_line = self.append
        SERVER_LOGGER.addHandler(self)

    def stop(self) -> None:
        """Take no more."""
        self._logs.on_model_line = None
        SERVER_LOGGER.removeHandler(self)

    def append(self, worker: str, level: str, text: str) -> None:
        """Keep a line."""
        with self._counting:
            self._count += 1
            self._lines.append(LogLine(self._count, time(), worker, level, _shortened(text)))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record of the server."""
        text = record.getMessage()
        if record.exc_info:
            text = f"{text}\n{logging.Formatter().formatException(record.exc_info)}"
        self.append("", record.levelname, text.strip("\n"))

    def after(self, number: int) -> tuple[list[LogLine], int]:
        """The lines after the one of that number, and how many of them are not kept any more."""
        with self._counting:
            lines = [line for line in self._lines if line.number > number]
            return lines, self._count - number - len(lines)


def _shortened(text: str) -> str:
    """The beginning and the end of a long text: a traceback says at its end what went wrong."""
    if len(text) <= MAX_LINE_CHARACTERS:
        return text
    half = MAX_LINE_CHARACTERS // 2
    return f"{text[:half]}\n[{len(text) - 2 * half} characters]\n{text[-half:]}"
