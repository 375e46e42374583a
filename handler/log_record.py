"""Several lines of a worker's log that belong together, such as a traceback: one record where the log has records.

They travel as one line with a marker in front, through pipes too; a log of plain lines writes them one by one.
"""

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from handler.job import Job

MARKER = "\x1e"
"""The control character "record separator", in front of a packed record."""
TRACE_ID_CHARACTERS = 32


class LogRecord(NamedTuple):
    """Lines, and the fields that a log of JSON objects has besides."""

    lines: list[str]
    fields: dict[str, str]


def pack_record(lines: Iterable[str], fields: dict[str, str]) -> str:
    """A record as one line."""
    return MARKER + json.dumps([list(lines), fields])


def unpack_record(line: str) -> LogRecord | None:
    """The record that a line holds; None for an ordinary one, whatever wrote it."""
    if not line.startswith(MARKER):
        return None
    try:
        lines, fields = json.loads(line[len(MARKER) :])
        return LogRecord([str(each) for each in lines], {str(name): str(text) for name, text in fields.items()})
    except (ValueError, TypeError, AttributeError):
        return None


def request_fields(jobs: Sequence[Job]) -> dict[str, str]:
    """The ids of the requests of a batch, separated by commas, and of their traces."""
    fields = {"request_id": ",".join(job.request_id for job in jobs)}
    traces = dict.fromkeys(trace_id for job in jobs if (trace_id := _trace_id(job)))
    return {**fields, "trace_id": ",".join(traces)} if traces else fields


def _trace_id(job: Job) -> str:
    """The trace id of the header `traceparent`, "" without one."""
    for name, value in getattr(job.input, "headers", ()):
        if name.lower() == "traceparent":
            trace_id = value.partition("-")[2].partition("-")[0]
            return trace_id if len(trace_id) == TRACE_ID_CHARACTERS and trace_id.isalnum() else ""
    return ""
