"""The logs of one server: which lines go to the console, and which to each of TorchServe's five files."""

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import time
from types import MappingProxyType
from typing import Literal, TextIO

from app.logging.access_log import CONSOLE_SEPARATOR, FILE_SEPARATOR, AccessLog, format_json, format_text
from app.logging.formatters import (
    JsonFormatter,
    TextFormatter,
    format_metrics_as_json,
    format_metrics_for_console,
    format_metrics_for_file,
    worker_fields,
)
from app.logging.handlers import ConsoleHandler, FileHandler, LineHandler, RecordHandler
from app.logging.levels import ACCESS_LOGGER, MODEL_LOGGER, set_levels
from app.settings.model import Settings
from handler.log_record import unpack_record

LOG = logging.getLogger("marserve.logs")
SERVER_LOGGER = logging.getLogger("marserve")


def configure(settings: Settings, console: TextIO | None = None) -> "Logs":
    """Open the logs and send them the records of all loggers below `marserve`, until `Logs.close`.

    The console is the process's own standard output, whatever replaces it meanwhile: archives' output is captured.
    """
    SERVER_LOGGER.setLevel(logging.DEBUG if settings.debug else logging.INFO)
    set_levels(settings.log_levels)
    logs = Logs(settings, console or sys.__stdout__ or sys.stderr)
    SERVER_LOGGER.propagate = False
    SERVER_LOGGER.handlers = [*logs.server]
    for problem in (*logs.problems, *settings.warnings):
        LOG.warning(problem)
    return logs


class Logs:
    """The open logs of one server. Its methods may be called by any thread, and never raise."""

    def __init__(self, settings: Settings, console: TextIO) -> None:
        as_json = self._as_json = settings.log_format == "json"
        self.on_model_line: Callable[[str, str, str], object] | None = None
        """Called, by any thread, with each line or record of a worker: its label, its level, the text."""
        formatter = JsonFormatter() if as_json else TextFormatter()
        self.problems: list[str] = []
        console_records, console_lines = RecordHandler(console), ConsoleHandler(console)
        self._console_records, self._console_lines = console_records, console_lines
        console_records.setFormatter(formatter)
        self.server = [console_records, *self._open(settings.log_location, "ts_log", formatter)]
        self._model = [console_records, *self._open(settings.log_location, "model_log", formatter)]
        for_console = (console_lines, format_metrics_as_json if as_json else format_metrics_for_console)
        self._metrics = {
            kind: [
                for_console,
                *((file, format_metrics_for_file) for file in self._open(settings.metrics_location, name, None)),
            ]
            for kind, name in (("ts", "ts_metrics"), ("model", "model_metrics"))
        }
        files = self._open(settings.log_location, "access_log", None)
        self._access = [console_lines, *files]
        outputs = [(console_lines.write, CONSOLE_SEPARATOR), *((file.write, FILE_SEPARATOR) for file in files)]
        if not ACCESS_LOGGER.isEnabledFor(logging.INFO):
            outputs = []
        self.access = AccessLog(outputs, format_json if as_json else format_text)
        console_records.before_record = self.access.flush
        for handler in self._handlers():
            handler.on_loss = self._report_loss

    def __repr__(self) -> str:
        return f"<Logs {len(self._handlers())} outputs, {self.access}>"

    @property
    def lost_lines(self) -> int:
        """The number of lines that could not be written, to whatever output."""
        return sum(handler.lost_lines for handler in self._handlers())

    def write_console(self, text: str) -> None:
        """Write a line to the console: as it is, or as a JSON object."""
        if self._as_json:
            fields = {"name": "marserve.server", "levelno": logging.INFO, "levelname": "INFO", "msg": text}
            self._console_records.handle(logging.makeLogRecord(fields))
        else:
            self._console_lines.write(text + "\n")

    def model_line(self, label: str, stream: str, line: str) -> None:
        """Write a line that the worker `label` (W-9000-mlp_1.0) wrote to `stream`, stdout or stderr."""
        packed = unpack_record(line)
        level = logging.WARNING if stream == "stderr" else logging.INFO
        if packed is None:
            self._model_record(label, stream, level, line)
        elif self._as_json:
            self._model_record(label, stream, logging.ERROR, "\n".join(packed.lines), packed.fields)
        else:
            for each in packed.lines:
                self._model_record(label, stream, level, each)

    def _model_record(
        self, label: str, stream: str, level: int, text: str, more: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        if not MODEL_LOGGER.isEnabledFor(level):
            return
        fields = {"name": "MODEL_LOG", "levelno": level, "levelname": logging.getLevelName(level), "msg": text, **more}
        record = logging.makeLogRecord({**fields, "threadName": f"{label}-{stream}", **worker_fields(label)})
        if self.on_model_line is not None:
            self.on_model_line(label, logging.getLevelName(level), text)
        for handler in self._model:
            handler.handle(record)

    def metric_lines(self, log: Literal["ts", "model"], lines: Sequence[str]) -> None:
        """Write lines of ts_metrics.log or model_metrics.log, without their time, which is now."""
        for handler, format_metrics in self._metrics[log]:
            handler.write("\n".join(format_metrics(time(), f"{log.upper()}_METRICS", lines)) + "\n")

    def close(self) -> None:
        """Write pending lines and close the files; later lines are dropped."""
        SERVER_LOGGER.handlers, SERVER_LOGGER.propagate = [], True
        set_levels({})
        handlers = self._handlers()
        self.access.close()
        self.server, self._model, self._access, self._metrics = [], [], [], {"ts": [], "model": []}
        for handler in handlers:
            handler.close()

    def _report_loss(self, handler: LineHandler, error: BaseException) -> None:
        """Say on the console that a file cannot be written."""
        if isinstance(handler, FileHandler):
            text = f"{Path(handler.baseFilename).name} is not written: {error}"
            fields = {"name": LOG.name, "levelno": logging.WARNING, "levelname": "WARNING", "msg": text}
            self._console_records.handle(logging.makeLogRecord(fields))

    def _handlers(self) -> set[LineHandler]:
        metrics = {handler for outputs in self._metrics.values() for handler, _ in outputs}
        return {*self.server, *self._model, *metrics, *self._access}

    def _open(self, folder: Path | None, name: str, formatter: logging.Formatter | None) -> list[LineHandler]:
        """The file, or none: a folder that cannot be written must not keep a server from serving."""
        if folder is None:
            return []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = FileHandler(folder / f"{name}.log")
        except OSError as error:
            self.problems.append(f"{name}.log is not written: {error}")
            return []
        file.setFormatter(formatter)
        return [file]
