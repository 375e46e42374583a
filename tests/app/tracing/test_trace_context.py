"""The header traceparent, by the rules of W3C Trace Context."""

import pytest

from app.tracing.trace_context import TraceContext, parse_traceparent

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_a_header_is_read_and_written() -> None:
    text = f"00-{TRACE}-{SPAN}-01"
    context = parse_traceparent(f" {text} ")
    assert context == TraceContext(int(TRACE, 16), int(SPAN, 16), True)
    assert str(context) == text


def test_the_sampled_flag_is_one_bit_of_several() -> None:
    for flags, is_sampled in (("00", False), ("02", False), ("03", True), ("ff", True)):
        context = parse_traceparent(f"00-{TRACE}-{SPAN}-{flags}")
        assert context is not None
        assert context.is_sampled is is_sampled


def test_a_later_version_may_have_more() -> None:
    assert parse_traceparent(f"01-{TRACE}-{SPAN}-01-more") is not None


@pytest.mark.parametrize(
    "text",
    [
        "", "00", f"ff-{TRACE}-{SPAN}-01", f"00-{TRACE.upper()}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE}-{SPAN}-01-more", f"00-{TRACE[1:]}-{SPAN}-01", f"00-{TRACE}-{SPAN}-1",
        f"00_{TRACE}_{SPAN}_01",
    ],
)  # fmt: skip
def test_a_broken_header_counts_as_none(text: str) -> None:
    assert parse_traceparent(text) is None
