"""Responses as values, and how they go to an ASGI server."""

from typing import Any

import pytest
from starlette.types import Message

from app.http.responses import (
    RawResponse,
    TorchServeResponse,
    error_response,
    json_text,
    output_response,
    prediction_response,
    raw_json,
    status_response,
)
from handler.job import Output
from model_registry.errors import ModelNotFound
from model_registry.reply import ResponseStream

pytestmark = pytest.mark.anyio


async def sent(response: Any) -> list[Message]:
    """The messages that a response sends."""
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    await response({"type": "http"}, None, send)
    return messages


def test_json_is_indented_leaves_nulls_out_and_ends_with_a_newline() -> None:
    assert json_text({"a": None, "b": [{"c": None}], "d": "é"}) == '{\n  "b": [\n    {}\n  ],\n  "d": "é"\n}\n'.encode()


async def test_a_response_tells_its_reason_phrase_in_the_message_that_starts_it() -> None:
    start, body = await sent(status_response("done", 202))
    assert start == {
        "type": "http.response.start", "status": 202, "reason": b"Accepted",
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"23")],
    }  # fmt: skip
    assert body == {"type": "http.response.body", "body": b'{\n  "status": "done"\n}\n'}


async def test_a_prediction_has_no_reason_phrase_and_no_headers_but_its_own() -> None:
    start, body = await sent(prediction_response(Output(b"x", headers=(("X-One", "1"),))))
    assert (start["reason"], start["headers"]) == (b"", [(b"X-One", b"1"), (b"content-length", b"1")])
    assert body["body"] == b"x"


async def test_a_stream_comes_in_pieces_and_has_no_length() -> None:
    stream = ResponseStream(Output(b"a"), lambda: None, lambda size: None)
    stream.put(Output(b"b"))
    start, *bodies = await sent(prediction_response(stream))
    assert start["headers"] == []
    assert [(each["body"], each.get("more_body", False)) for each in bodies] == [
        (b"a", True), (b"b", True), (b"", False)
    ]  # fmt: skip


async def test_a_stream_that_is_cut_raises_its_error() -> None:
    stream = ResponseStream(Output(b"a"), lambda: None, lambda size: None)
    stream.put(ValueError("cut"))
    with pytest.raises(ValueError, match="cut"):
        await sent(prediction_response(stream))


def test_headers_that_the_server_owns_or_http_cannot_carry_are_dropped() -> None:
    headers = (("Connection", "x"), ("bad name", "x"), ("X-A", "1"), ("x-a", "2\r\nX-B: 3"), ("X-U", "☃"))
    assert output_response(Output(b"", headers=headers)).headers == ((b"x-a", b"2X-B: 3"), (b"X-U", "☃".encode()))


@pytest.mark.parametrize("status", [204, 205, 304])
def test_a_status_that_forbids_a_body_has_none(status: int) -> None:
    assert output_response(Output(b"body", status)).body == b""


def test_a_defect_is_logged_and_its_client_learns_nothing(caplog: pytest.LogCaptureFixture) -> None:
    response = error_response(ZeroDivisionError("secret"), "GET", b"/ping?a=1")
    assert (response.status, b"secret" in response.body) == (500, False)
    assert "GET /ping?a=1 failed." in caplog.text


def test_an_error_of_the_domain_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert error_response(ModelNotFound("m"), "GET", b"/").status == 404
    assert caplog.text == ""


def test_a_response_for_starlette_has_the_parts_of_its_value() -> None:
    raw = raw_json({"a": 1}, 201)
    assert raw == RawResponse(201, b'{\n  "a": 1\n}\n', ((b"content-type", b"application/json"),), b"Created")
    response = TorchServeResponse(raw)
    assert (response.status_code, response.body, response.headers["content-type"]) == (
        201,
        raw.body,
        "application/json",
    )
