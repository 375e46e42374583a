"""The heads of responses: both ways of writing one give the same bytes."""

import pytest

from app.http.response_head import (
    payload_too_large,
    render_chunk,
    render_head,
    render_response,
    render_stream_head,
    with_common_headers,
)
from app.http.responses import Headers, RawResponse

CORS: Headers = ((b"access-control-allow-origin", b"*"),)


@pytest.mark.parametrize("headers", [(), ((b"X-A", b"1"), (b"Access-Control-Allow-Origin", b"own"))])
@pytest.mark.parametrize("cors", [(), CORS])
def test_the_fast_path_writes_what_the_middleware_and_the_protocol_write(headers: Headers, cors: Headers) -> None:
    response = RawResponse(200, b"body", headers, b"OK")
    whole = (*headers, (b"content-length", b"4"))
    complete = (*with_common_headers(whole, "an id", cors), (b"connection", b"keep-alive"))
    fast = render_response(response, "an id", cors, close=False, head_only=False)
    assert fast == render_head(200, b"OK", complete) + b"body"
    chunked = (*with_common_headers(headers, "an id", cors), (b"transfer-encoding", b"chunked"))
    assert render_stream_head(response, "an id", cors) == render_head(
        200, b"OK", (*chunked, (b"connection", b"keep-alive"))
    )


def test_a_head_alone_keeps_the_length_of_its_body() -> None:
    whole = render_response(RawResponse(200, b"body"), "id", (), close=True, head_only=False)
    head = render_response(RawResponse(200, b"body"), "id", (), close=True, head_only=True)
    assert whole == head + b"body"
    assert head.endswith(b"content-length: 4\r\nconnection: close\r\n\r\n")


def test_an_empty_piece_is_no_chunk_because_that_would_end_the_stream() -> None:
    assert (render_chunk(b"a" * 17), render_chunk(b"")) == (b"11\r\n" + b"a" * 17 + b"\r\n", b"")


def test_a_413_names_the_limit() -> None:
    assert (b"x-marserve-reason", b"the body exceeds max_request_size=7") in payload_too_large(7)
