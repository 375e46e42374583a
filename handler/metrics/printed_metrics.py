"""Metrics that an archive's code prints: "[METRICS]Name.unit:1.5|#Level:Model|#type:GAUGE|#hostname:h,1700000000"."""

import logging
import re
from collections.abc import Callable, Mapping

from handler.isolation.process.output_capture import WriteLine

LOG = logging.getLogger("marserve.metrics")
MARK = "[METRICS]"
LOG_PREFIX = "INFO > "  # in front of the mark, by the log of a C++ handler
LINE = re.compile(
    r"\s*(?P<name>[\w\s]+)\.(?P<unit>[\w\s]+):(?P<value>[0-9\-,.e]+)\|#(?P<dimensions>[^|]*)"
    r"(\|#type:(?P<type>[^|,]+))?\|#hostname:[^,]+,[^,]+(,(?P<request>.*))?",
    re.ASCII,
)

MetricSink = Callable[[str, float, str, Mapping[str, str], str, str], None]
"""Takes name, value, unit, dimensions, type and request ids of one update."""


def divert_metrics(write_line: WriteLine, sink: MetricSink) -> WriteLine:
    """A `write_line` that passes printed metrics to the sink, and all other lines on.

    No metric reaches the model's log, not even one that cannot be parsed, as in TorchServe.
    """

    def divert(stream: str, line: str) -> None:
        text = line.removeprefix(LOG_PREFIX)
        if text.startswith(MARK):
            _parse(text.removeprefix(MARK), sink)
        else:
            write_line(stream, line)

    return divert


def _parse(text: str, sink: MetricSink) -> None:
    found = LINE.fullmatch(text)
    try:
        value = float(found["value"]) if found else None
    except ValueError:  # "1,5" looks like a number to the expression
        value = None
    if found is None or value is None:
        LOG.error('Failed to parse metrics line: "%s%s".', MARK, text)
        return
    pairs = (pair.split(":") for pair in found["dimensions"].split(","))
    dimensions = {pair[0]: pair[1] for pair in pairs if len(pair) == 2}
    sink(found["name"], value, found["unit"], dimensions, found["type"] or "", found["request"] or "")
