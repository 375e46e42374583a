"""W3C Trace Context: the headers traceparent and traceresponse. https://www.w3.org/TR/trace-context/"""

import re
from typing import NamedTuple

TRACEPARENT, TRACERESPONSE = "traceparent", "traceresponse"
_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
SAMPLED = 1


class TraceContext(NamedTuple):
    """A span in a trace, and whether it is sampled."""

    trace_id: int
    span_id: int
    is_sampled: bool

    def __str__(self) -> str:
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{int(self.is_sampled):02x}"


def parse_traceparent(text: str) -> TraceContext | None:
    """The context of the caller's span; None for a header that breaks the format, which counts as none."""
    match = _TRACEPARENT.fullmatch(text.strip())
    if match is None or (match[1] == "00" and match[5]):
        return None
    return TraceContext(int(match[2], 16), int(match[3], 16), bool(int(match[4], 16) & SAMPLED))
