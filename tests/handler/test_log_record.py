"""Records that travel as one line."""

import pytest

from handler.job import Input, Job
from handler.log_record import MARKER, LogRecord, pack_record, request_fields, unpack_record

TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_lines_and_fields_come_out_as_they_went_in() -> None:
    packed = pack_record(["a\tb", "ü"], {"request_id": "1"})
    assert "\n" not in packed
    assert unpack_record(packed) == LogRecord(["a\tb", "ü"], {"request_id": "1"})


@pytest.mark.parametrize("line", ["", "text", MARKER, f"{MARKER}{{}}", f"{MARKER}[1, 2]", f"{MARKER}[[], []]"])
def test_any_other_line_is_none(line: str) -> None:
    assert unpack_record(line) is None


def test_requests_are_named_with_their_traces() -> None:
    traced = Job(Input((), (("Traceparent", f"00-{TRACE}-b7ad6b7169203331-01"),)), "1")
    plain, broken = Job(Input(()), "2"), Job(Input((), (("traceparent", "x"),)), "3")
    assert request_fields([traced, plain, broken]) == {"request_id": "1,2,3", "trace_id": TRACE}
    assert request_fields([plain]) == {"request_id": "2"}
