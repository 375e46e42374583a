"""Where log lines go: the console, and TorchServe's five files."""

import logging
import sys
from collections.abc import Sequence
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path
from time import time
from typing import Literal, TextIO

from app.logging.access_log import CONSOLE, FILE, AccessLog, json_form, text_form
from app.logging.formatters import (
    JsonFormatter,
    TextFormatter,
    bare_lines,
    json_metric_lines,
    metric_lines,
    worker_words,
)
from app.settings.model import Settings

LOG = logging.getLogger("marserve.logs")
OURS = logging.getLogger("marserve")
ROLL = 100 << 20
"""Bytes of a file after which a new one is begun."""
KEPT = 5
"""Old files that are kept of each log."""


def configure(settings: Settings, console: TextIO | None = None) -> "Logs":
    """Open the logs and send them all that loggers below `marserve` say, until `Logs.close`.

    The console is the process's own standard output, whatever stands for it meanwhile: archives' prints are caught.
    """
    logs = Logs(settings, console or sys.__stdout__ or sys.stderr)
    OURS.setLevel(logging.DEBUG if settings.debug else logging.INFO)
    OURS.propagate = False
    OURS.handlers = [*logs.server]
    for problem in (*logs.problems, *settings.warnings):
        LOG.warning(problem)
    return logs


class Logs:
    """The open logs of one server. Its methods may be called by any thread, and never raise."""

    def __init__(self, settings: Settings, console: TextIO) -> None:
        as_json = settings.log_format == "json"
        form = JsonFormatter() if as_json else TextFormatter()
        self.problems: list[str] = []
        screen = Console(console)
        screen.setFormatter(form)
        self.server = [screen, *self._open(settings.log_location, "ts_log", form)]
        self._model = [screen, *self._open(settings.log_location, "model_log", form)]
        plain = Console(console)
        on_screen = (plain, json_metric_lines if as_json else metric_lines)
        self._metrics = {
            kind: [on_screen, *((file, bare_lines) for file in self._open(settings.metrics_location, name, None))]
            for kind, name in (("ts", "ts_metrics"), ("model", "model_metrics"))
        }
        self._access = [plain, *self._open(settings.log_location, "access_log", None)]
        outputs = [(output.write, CONSOLE if output is plain else FILE) for output in self._access]
        self.access = AccessLog(outputs, json_form if as_json else text_form)

    def __repr__(self) -> str:
        return f"<Logs {len(self._handlers())} outputs, {self.access}>"

    def model_line(self, label: str, stream: str, line: str) -> None:
        """A line that the worker `label` (W-9000-mlp_1.0) wrote to `stream`, stdout or stderr."""
        level = logging.WARNING if stream == "stderr" else logging.INFO
        _put(self._model, "MODEL_LOG", level, line, threadName=f"{label}-{stream}", **worker_words(label))

    def metric_lines(self, log: Literal["ts", "model"], lines: Sequence[str]) -> None:
        """Lines of ts_metrics.log or model_metrics.log, without their time, which is now."""
        for handler, form in self._metrics[log]:
            handler.write("\n".join(form(time(), f"{log.upper()}_METRICS", lines)) + "\n")

    def close(self) -> None:
        """Write what waits and close the files; later lines are lost."""
        OURS.handlers, OURS.propagate = [], True
        handlers = self._handlers()
        self.access.close()
        self.server, self._model, self._access, self._metrics = [], [], [], {"ts": [], "model": []}
        for handler in handlers:
            handler.close()

    def _handlers(self) -> set[logging.Handler]:
        metrics = {handler for outputs in self._metrics.values() for handler, _ in outputs}
        return {*self.server, *self._model, *metrics, *self._access}

    def _open(self, folder: Path | None, name: str, form: logging.Formatter | None) -> list["Output"]:
        """The file, or none: a folder that cannot be written must not keep a server from serving."""
        if folder is None:
            return []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = LogFile(folder / f"{name}.log", maxBytes=ROLL, backupCount=KEPT, encoding="utf-8")
        except OSError as error:
            self.problems.append(f"{name}.log is not written: {error}")
            return []
        file.setFormatter(form)
        return [file]


def _put(handlers: Sequence[logging.Handler], logger: str, level: int, line: str, **fields: str) -> None:
    named = {"name": logger, "levelno": level, "levelname": logging.getLevelName(level), "msg": line}
    record = logging.makeLogRecord({**named, **fields})
    for handler in handlers:
        handler.handle(record)


class Output(logging.StreamHandler[TextIO]):
    """Takes records, or lines as they are. It loses what cannot be written, instead of complaining on stderr: what
    archives say there comes back as a line for these very logs.
    """

    def write(self, lines: str) -> None:
        """Write whole lines as they are; to make a record of them would cost as much as fifty lines of access log."""
        assert self.lock is not None  # closed handlers keep theirs
        with self.lock, suppress(Exception):
            self.look(len(lines))
            self.stream.write(lines)
            self.flush()

    def look(self, length: int) -> None:
        """See to the stream, into which so many characters will be written."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Do nothing."""


class Console(Output):
    """The terminal or the platform's log collector."""


class LogFile(Output, RotatingFileHandler):
    """A file that is rolled when it has grown."""

    _unseen = 0

    def look(self, length: int) -> None:
        """Roll a file that is full. Only now and then: to ask the system costs as much as to write."""
        self._unseen -= length
        if self._unseen < 0:
            self._unseen = self.maxBytes // 100
            if self.shouldRollover(logging.makeLogRecord({})):
                self.doRollover()
