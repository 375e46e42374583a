"""Responses as values: TorchServe's JSON texts, and a handler's output as it goes over the wire."""

import logging
import re
from functools import lru_cache
from typing import Any, NamedTuple

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.errors import ErrorResponse, describe_error, is_expected, reason
from handler.job import Output
from handler.payload.json_indent import dumps_unicode
from model_registry.reply import ResponseStream

LOG = logging.getLogger("marserve.http")
Headers = tuple[tuple[bytes, bytes], ...]
HeaderTexts = tuple[tuple[str, str], ...]

JSON: Headers = ((b"content-type", b"application/json"),)
SERVER_HEADERS = {
    "x-request-id", "pragma", "cache-control", "expires", "content-length", "connection", "transfer-encoding",
}  # fmt: skip
"""Headers that the server sets itself, over whatever a handler wants."""
CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
BODILESS_STATUSES = (204, 205, 304)
"""HTTP forbids these a body, and the client would take it for the next response."""


class RawResponse(NamedTuple):
    """A whole response, or the head of one whose pieces follow; without the headers that every response has."""

    status: int
    body: bytes
    headers: Headers = ()
    reason: bytes = b""
    tail: tuple[bytes | bytearray | memoryview, ...] = ()
    """Pieces after the body, which are not copied; on the fast path alone."""


class TorchServeResponse(Response):
    """A raw response for Starlette. Its reason phrase travels in the message that starts the response."""

    def __init__(self, raw: RawResponse) -> None:
        self.status_code = raw.status
        self.background = None
        self.body = raw.body
        self.reason = raw.reason
        self.raw_headers = [*raw.headers, (b"content-length", b"%d" % len(raw.body))]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response."""
        await self._start(send)
        await send({"type": "http.response.body", "body": self.body})

    async def _start(self, send: Send) -> None:
        await send({
            "type": "http.response.start", "status": self.status_code, "headers": self.raw_headers,
            "reason": self.reason,
        })  # fmt: skip


class StreamedResponse(TorchServeResponse):
    """A response in pieces, whose length is not known; an error among them cuts the connection, as in TorchServe."""

    def __init__(self, stream: ResponseStream) -> None:
        super().__init__(output_response(stream.first))
        self._stream = stream
        self.raw_headers.pop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send each piece as it comes; raises the error that ends the stream early."""
        await self._start(send)
        async for piece in self._stream:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def json_text(value: Any) -> bytes:
    """The JSON of the server's own responses: indented by two spaces, UTF-8, nulls left out, a newline at the end."""
    return dumps_unicode(_without_nulls(value)) + b"\n"


def raw_json(value: Any, status: int = 200) -> RawResponse:
    """A JSON response as a value."""
    return RawResponse(status, json_text(value), JSON, reason(status).encode())


def json_response(value: Any, status: int = 200) -> TorchServeResponse:
    """A response of the server's own."""
    return TorchServeResponse(raw_json(value, status))


def status_response(text: str, status: int = 200) -> TorchServeResponse:
    """`{"status": text}`, which is how TorchServe confirms."""
    return json_response({"status": text}, status)


@lru_cache(maxsize=256)
def raw_error(error: ErrorResponse) -> RawResponse:
    """An error as TorchServe's clients know it; a handler that raises a "200" gets the body "error"."""
    if error.status == 200:
        return RawResponse(200, b"error")
    response = raw_json({"code": error.status, "type": error.type, "message": error.message}, error.status)
    return response._replace(body=b"") if error.status in BODILESS_STATUSES else response


def error_response(error: BaseException, method: str, target: bytes, headers: HeaderTexts = ()) -> RawResponse:
    """The response to a request that ended in an error, with more headers; one that is a defect is logged."""
    if not is_expected(error):
        LOG.error("%s %s failed.", method, target.decode("latin-1"), exc_info=error)
    response, added = raw_error(describe_error(error)), (*getattr(error, "headers", ()), *headers)
    return response._replace(headers=(*response.headers, *_sendable(added))) if added else response


def output_response(output: Output) -> RawResponse:
    """A handler's bytes, status, phrase and headers, with no content type but its own."""
    body = b"" if output.status in BODILESS_STATUSES else output.body
    if not output.headers and not output.phrase:
        return RawResponse(output.status, body)
    return RawResponse(output.status, body, _sendable(output.headers), _without_controls(output.phrase))


def prediction_response(outcome: Output | ResponseStream) -> TorchServeResponse:
    """A prediction for Starlette, whole or in pieces."""
    return (
        StreamedResponse(outcome)
        if isinstance(outcome, ResponseStream)
        else TorchServeResponse(output_response(outcome))
    )


def _sendable(headers: HeaderTexts) -> Headers:
    sent = {
        name.lower(): (name.encode(), _without_controls(value))
        for name, value in headers
        if HEADER_NAME.fullmatch(name) and name.lower() not in SERVER_HEADERS
    }
    return tuple(sent.values())  # the last of those that differ in case alone


def _without_controls(text: str) -> bytes:
    """Header bytes stand for the characters of Latin-1, as in requests; strings beyond it are sent as UTF-8."""
    plain = CONTROL_CHARACTERS.sub("", text)
    try:
        return plain.encode("latin-1")
    except UnicodeEncodeError:
        return plain.encode("utf-8", "replace")


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
