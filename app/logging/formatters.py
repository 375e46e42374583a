"""The forms of a log line: TorchServe's text, or JSON."""

import logging
import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache

import orjson

_LEVELS = {"WARNING": "WARN", "CRITICAL": "FATAL"}
_WORKER = re.compile(r"W-\d+-(?P<model>.+)_(?P<version>[^_]*)")
_NAMED = ("model", "version", "worker")

_last = (0, "")


def stamp(seconds: float) -> str:
    """Local time as TorchServe writes it: 2026-11-21T01:00:35,341. The last one is kept for the next line."""
    global _last
    milliseconds = int(seconds * 1000)
    known, text = _last
    if known != milliseconds:
        whole, rest = divmod(milliseconds, 1000)
        text = f"{_second(whole)},{rest:03d}"
        _last = (milliseconds, text)
    return text


@lru_cache(maxsize=2)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(seconds))


def utc_stamp(seconds: float) -> str:
    """The time in JSON lines: 2026-11-21T01:00:35.341Z."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def worker_words(label: str) -> dict[str, str]:
    """What a worker's label, like W-9000-mlp_1.0, says by the names of the JSON form."""
    match = _WORKER.fullmatch(label)
    return {**match.groupdict(), "worker": label} if match else {"worker": label}


class TextFormatter(logging.Formatter):
    """TorchServe's form; `extra={"ts_logger": ...}` names the logger that TorchServe would name."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and a traceback below it if there is one."""
        logger = getattr(record, "ts_logger", record.name)
        line = f"{stamp(record.created)} [{_level(record):<5}] {_thread(record)} {logger} - {record.getMessage()}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """One JSON object a line; model, version and worker are in it where `extra` names them."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        entry = {
            "time": utc_stamp(record.created),
            "level": _level(record),
            "logger": record.name,
            "thread": _thread(record),
            "message": record.getMessage(),
        }
        entry |= {name: getattr(record, name) for name in _NAMED if hasattr(record, name)}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(entry, default=str).decode()


def bare_lines(seconds: float, logger: str, lines: Iterable[str]) -> list[str]:
    """Lines of the metrics logs: the time, and each metric as it is."""
    mark = stamp(seconds)
    return [f"{mark} - {line}" for line in lines]


def metric_lines(seconds: float, logger: str, lines: Iterable[str]) -> list[str]:
    """The same among the others of the console."""
    head = f"{stamp(seconds)} [INFO ] main {logger} - "
    return [head + line for line in lines]


def json_metric_lines(seconds: float, logger: str, lines: Iterable[str]) -> list[str]:
    """The same as JSON objects."""
    entry = {"time": utc_stamp(seconds), "level": "INFO", "logger": logger, "thread": "main"}
    return [orjson.dumps({**entry, "message": line}).decode() for line in lines]


def _level(record: logging.LogRecord) -> str:
    return _LEVELS.get(record.levelname, record.levelname)


def _thread(record: logging.LogRecord) -> str:
    return "main" if record.threadName == "MainThread" else str(record.threadName)
