"""The heads of HTTP responses as bytes, with the headers that every response has, in TorchServe's spelling."""

from collections.abc import Iterable

from app.errors import ErrorResponse
from app.http.responses import Headers, RawResponse, raw_error

COMMON_HEADERS: Headers = (
    (b"Pragma", b"no-cache"),
    (b"Cache-Control", b"no-cache; no-store, must-revalidate, private"),
    (b"Expires", b"Thu, 01 Jan 1970 00:00:00 UTC"),
)
COMMON_LINES = b"".join(name + b": " + value + b"\r\n" for name, value in COMMON_HEADERS)
_START = b"HTTP/1.1 %d %b\r\n%bx-request-id: %b\r\n" + COMMON_LINES
_WHOLE = _START + b"content-length: %d\r\nconnection: %b\r\n\r\n"
_STREAMED = _START + b"transfer-encoding: chunked\r\nconnection: keep-alive\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
INVALID_MESSAGE = raw_error(ErrorResponse(400, "BadRequestException", "Invalid HTTP message."))
"""The response to bytes that are no HTTP."""


def payload_too_large(limit: int) -> Headers:
    """The headers of a 413: TorchServe sends nothing else; ours give the reason besides."""
    return (
        (b"content-length", b"0"),
        (b"x-marserve-reason", b"the body exceeds max_request_size=%d" % limit),
        (b"connection", b"close"),
    )


def with_common_headers(headers: Iterable[tuple[bytes, bytes]], request_id: str, cors: Headers) -> Headers:
    """A response's own headers, those for CORS that it has not set itself, TorchServe's, and content-length last."""
    own: list[tuple[bytes, bytes]] = []
    length: list[tuple[bytes, bytes]] = []
    for header in headers:
        (length if header[0].lower() == b"content-length" else own).append(header)
    return (*own, *_unset(cors, own), (b"x-request-id", request_id.encode()), *COMMON_HEADERS, *length)


def render_response(response: RawResponse, request_id: str, cors: Headers, *, close: bool, head_only: bool) -> bytes:
    """A whole response of the fast path; `head_only` leaves out the body, not its length."""
    end = b"close" if close else b"keep-alive"
    own, body = _own_lines(response, cors), response.body
    size = len(body) + sum(memoryview(piece).nbytes for piece in response.tail)
    head = _WHOLE % (response.status, response.reason, own, request_id.encode(), size, end)
    return head if head_only else head + body


def render_stream_head(response: RawResponse, request_id: str, cors: Headers) -> bytes:
    """The head of a response in chunks."""
    return _STREAMED % (response.status, response.reason, _own_lines(response, cors), request_id.encode())


def render_head(status: int, reason: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A status line and headers as they are given, with the empty line that ends them."""
    return b"HTTP/1.1 %d %b\r\n%b\r\n" % (status, reason, _lines(headers))


def render_chunk(piece: bytes) -> bytes:
    """One piece of a stream as an HTTP chunk; nothing for an empty one, which would end the stream."""
    return b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""


def _own_lines(response: RawResponse, cors: Headers) -> bytes:
    if not response.headers and not cors:
        return b""
    return _lines((*response.headers, *_unset(cors, response.headers)))


def _lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join(name + b": " + value + b"\r\n" for name, value in headers)


def _unset(cors: Headers, own: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The headers for CORS that a response has not set itself."""
    if not cors:
        return ()
    names = {name.lower() for name, _ in own}
    return tuple(header for header in cors if header[0] not in names)
