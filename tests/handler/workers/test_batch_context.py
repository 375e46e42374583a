"""The context of a worker: what it makes of a batch, and when."""

from pathlib import Path
from typing import Any

import pytest

from handler.devices.device import Device
from handler.job import Input, Job, Output, Part
from handler.workers.batch_context import KEPT_BODY_BYTES, BatchContext
from handler.workers.spec import ServiceSpec

BODY = Part("body", "application/json", b"{}")


@pytest.fixture
def context() -> BatchContext:
    """A context before its first batch."""
    spec = ServiceSpec("model", Path("/nowhere"), {"model": {}}, "handler.py", 4)
    return BatchContext.of_worker(spec, Device("cpu"))


@pytest.fixture
def busy(context: BatchContext) -> BatchContext:
    """A context with a batch of two requests."""
    context.start_batch([job("first", X="1", explain="False"), job("second", X="2")])
    return context


def job(request_id: str, **headers: str) -> Job:
    return Job(Input((BODY,), tuple(headers.items())), request_id)


def test_a_header_is_found_without_processors_and_answers_stay_plain(busy: BatchContext) -> None:
    assert [busy.get_request_header(0, "explain"), busy.get_request_header(1, "X")] == ["False", "2"]
    assert busy.get_request_header(0, "missing") is None
    assert busy.get_request_header(0, "body") == {"content-type": "application/json"}
    assert busy._processors is None
    assert busy.output(0, b"answer") == Output(b"answer")


def test_all_ways_to_a_rows_headers_lead_to_the_same_mapping(busy: BatchContext) -> None:
    part = busy.get_request_header(0, "body")
    headers = busy.get_all_request_header(0)
    assert headers["body"] is part
    assert headers is busy.request_processor[0].get_request_properties()
    assert headers == {"body": {"content-type": "application/json"}, "X": "1", "explain": "False"}
    assert busy.get_all_request_header(1) == {"body": {"content-type": "application/json"}, "X": "2"}


@pytest.mark.parametrize("size", [2, KEPT_BODY_BYTES + 1])
def test_headers_can_be_looked_up_after_the_batch(context: BatchContext, size: int) -> None:
    body = Part("body", "text/plain", b"x" * size)
    context.start_batch([Job(Input((body,), (("X", "1"),)), "first")])
    context.end_batch()
    assert (context.jobs is None) == (size > KEPT_BODY_BYTES)
    assert [context.get_request_header(0, name) for name in ("X", "body")] == ["1", {"content-type": "text/plain"}]
    assert context.get_all_request_header(0) == {"body": {"content-type": "text/plain"}, "X": "1"}
    assert context.get_request_id(0) == "first"


@pytest.mark.parametrize("looked_before", [True, False])
def test_what_a_handler_changes_in_headers_is_seen(busy: BatchContext, looked_before: bool) -> None:
    if looked_before:
        assert busy.get_request_header(0, "X") == "1"
    busy.get_all_request_header(0)["X"] = "changed"
    assert [busy.get_request_header(row, "X") for row in (0, 1)] == ["changed", "2"]
    assert busy.request_processor[0].get_request_property("X") == "changed"


def test_processors_that_a_handler_sets_are_asked(busy: BatchContext) -> None:
    assert busy.get_request_header(0, "X") == "1"
    busy.request_processor = busy.request_processor[1:]
    assert busy.get_request_header(0, "X") == "2"
    with pytest.raises(IndexError):
        busy.get_request_header(1, "X")


def test_after_a_look_at_headers_a_status_is_answered_all_the_same(busy: BatchContext) -> None:
    assert busy.get_request_header(0, "X") == "1"
    busy.set_response_status(418, "teapot", 1)
    busy.set_response_header(1, "X-Number", 7)
    assert busy.output(0, b"a") == Output(b"a")
    assert busy.output(1, b"b") == Output(b"b", 418, "teapot", (("X-Number", "7"),))


def test_the_next_batch_has_headers_of_its_own(busy: BatchContext) -> None:
    assert busy.get_request_header(0, "X") == "1"
    busy.get_all_request_header(1)["X"] = "changed"
    busy.start_batch([job("third", X="3"), job("fourth")])
    assert [busy.get_request_header(row, "X") for row in (0, 1)] == ["3", None]
    assert [processor.get_request_property("X") for processor in busy.request_processor] == ["3", None]


def test_a_job_that_was_seen_before_has_no_parts_among_its_headers(context: BatchContext) -> None:
    seen = job("first", X="1")
    seen.continued = True
    context.start_batch([seen])
    assert [context.get_request_header(0, name) for name in ("X", "body")] == ["1", None]
    assert context.get_all_request_header(0) == {"X": "1"}


@pytest.mark.parametrize("processors", [True, False])
@pytest.mark.parametrize(
    ("row", "expected"),
    [(-1, "2"), (-2, "1"), (True, "2"), (2, IndexError), (-3, IndexError), ("0", TypeError), (0.0, TypeError),
     (None, TypeError)],
)  # fmt: skip
def test_rows_are_counted_as_in_a_list(busy: BatchContext, processors: bool, row: Any, expected: Any) -> None:
    if processors:
        assert len(busy.request_processor) == 2
    if isinstance(expected, str):
        assert busy.get_request_header(row, "X") == expected
    else:
        with pytest.raises(expected):
            busy.get_request_header(row, "X")


@pytest.mark.parametrize("row", [0, -1, "0"])
def test_before_the_first_batch_there_are_no_headers(context: BatchContext, row: Any) -> None:
    with pytest.raises(TypeError, match="NoneType"):
        context.get_request_header(row, "X")
    with pytest.raises(TypeError, match="NoneType"):
        context.get_all_request_header(row)
