"""Log lines as JSON objects, one a line, with what the call gave as `extra`."""

import json
import logging

_ORDINARY = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class JsonLines(logging.Formatter):
    """{"time": ..., "level": ..., "logger": ..., "message": ..., and the extras}"""

    def format(self, record: logging.LogRecord) -> str:
        """The record in one line."""
        line = {
            "time": round(record.created, 3),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _ORDINARY}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)
