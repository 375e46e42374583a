"""The formats of log lines: TorchServe's text, or JSON."""

import json
import logging
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache

import orjson

_LEVELS = {"WARNING": "WARN", "CRITICAL": "FATAL"}
_WORKER_LABEL = re.compile(r"W-\d+-(?P<model>.+)_(?P<version>[^_]*)")
_CONTROLS = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but tabs, separators of lines, controls of the direction of writing, and lone surrogates."""
_JSON_FIELDS = ("model", "version", "worker", "request_id", "trace_id")

_last_timestamp = (0, "")


def local_timestamp(seconds: float) -> str:
    """Local time as TorchServe writes it: 2026-11-21T01:00:35,341. The last one is kept for the next line."""
    global _last_timestamp
    milliseconds = int(seconds * 1000)
    known, text = _last_timestamp
    if known != milliseconds:
        whole, fraction = divmod(milliseconds, 1000)
        text = f"{_second(whole)},{fraction:03d}"
        _last_timestamp = (milliseconds, text)
    return text


@lru_cache(maxsize=2)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(seconds))


def utc_timestamp(seconds: float) -> str:
    """The time in JSON lines: 2026-11-21T01:00:35.341Z."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def worker_fields(label: str) -> dict[str, str]:
    """The JSON fields of a worker's label, W-9000-mlp_1.0."""
    match = _WORKER_LABEL.fullmatch(label)
    return {**match.groupdict(), "worker": label} if match else {"worker": label}


def escape_controls(text: str) -> str:
    """The text with control characters as escapes, so that no name or URL in it forges a line or moves a cursor."""
    return text if text.isprintable() else _CONTROLS.sub(lambda match: ascii(match[0])[1:-1], text)


class TextFormatter(logging.Formatter):
    """TorchServe's format; `extra={"ts_logger": ...}` names the logger that TorchServe would name."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and a traceback below it if there is one."""
        logger = getattr(record, "ts_logger", record.name)
        line = (
            f"{local_timestamp(record.created)} [{_level(record):<5}] {_thread(record)} {logger} - {_message(record)}"
        )
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """One JSON object a line; model, version, worker, request and trace are in it where `extra` names them.

    `severity` is as Cloud Logging, Loki and Datadog know it, `level` as TorchServe writes it.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        entry = {
            "time": utc_timestamp(record.created),
            "severity": record.levelname,
            "level": _level(record),
            "logger": record.name,
            "thread": _thread(record),
            "message": record.getMessage(),
        }
        entry |= {name: getattr(record, name) for name in _JSON_FIELDS if hasattr(record, name)}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        try:
            return orjson.dumps(entry, default=str).decode()
        except orjson.JSONEncodeError:  # a lone surrogate
            return json.dumps(entry, default=str)


def format_metrics_for_file(seconds: float, logger: str, lines: Sequence[str]) -> list[str]:
    """Lines of the metrics files: the time and the metric."""
    timestamp = local_timestamp(seconds)
    return [f"{timestamp} - {line}" for line in _escape_lines(lines)]


def format_metrics_for_console(seconds: float, logger: str, lines: Sequence[str]) -> list[str]:
    """The same among the other lines of the console."""
    start = f"{local_timestamp(seconds)} [INFO ] main {logger} - "
    return [start + line for line in _escape_lines(lines)]


def format_metrics_as_json(seconds: float, logger: str, lines: Sequence[str]) -> list[str]:
    """The same as JSON objects."""
    entry = {"time": utc_timestamp(seconds), "severity": "INFO", "level": "INFO", "logger": logger, "thread": "main"}
    return [orjson.dumps({**entry, "message": line}).decode() for line in lines]


def _escape_lines(lines: Sequence[str]) -> Sequence[str]:
    """Hardly a line of metrics has anything to escape: one look at all of them finds that out."""
    return lines if "".join(lines).isprintable() else [escape_controls(line) for line in lines]


def _level(record: logging.LogRecord) -> str:
    return _LEVELS.get(record.levelname, record.levelname)


def _thread(record: logging.LogRecord) -> str:
    return "main" if record.threadName == "MainThread" else escape_controls(str(record.threadName))


def _message(record: logging.LogRecord) -> str:
    """The message; what it was given is escaped, not the lines that its own text has."""
    message = record.getMessage()
    return escape_controls(message) if record.args else message
