"""Answers as the bytes of an HTTP response: the headers that every one has, in TorchServe's words."""

from app.errors import Wire
from app.http.responses import Answer, Headers, error_answer

BODILESS = (204, 205, 304)
"""Statuses whose answers have no body: HTTP forbids it, and the client would take it for the next answer."""
COMMON: Headers = (
    (b"Pragma", b"no-cache"),
    (b"Cache-Control", b"no-cache; no-store, must-revalidate, private"),
    (b"Expires", b"Thu, 01 Jan 1970 00:00:00 UTC"),
)
COMMON_LINES = b"".join(name + b": " + value + b"\r\n" for name, value in COMMON)
_START = b"HTTP/1.1 %d %b\r\n%bx-request-id: %b\r\n" + COMMON_LINES
WHOLE = _START + b"content-length: %d\r\nconnection: %b\r\n\r\n"
"""The head of an answer: status, reason, its own header lines, request id, bytes of the body, what becomes of the
connection."""
STREAMED = _START + b"transfer-encoding: chunked\r\nconnection: %b\r\n\r\n"
"""The same of one in pieces, whose length nobody knows."""
LAST_CHUNK = b"0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
INVALID = error_answer(Wire(400, "BadRequestException", "Invalid HTTP message."))
"""What is said to somebody who does not speak HTTP."""


def too_large(limit: int) -> Headers:
    """The headers of a 413: TorchServe sends nothing else; ours say why besides."""
    return (
        (b"content-length", b"0"),
        (b"x-marserve-reason", b"the body exceeds max_request_size=%d" % limit),
        (b"connection", b"close"),
    )


def sendable(answer: Answer) -> Answer:
    """The answer without the body that its status rules out."""
    return answer._replace(body=b"") if answer.status in BODILESS else answer


def headers_of(answer: Answer, request_id: str, cors: Headers) -> list[tuple[bytes, bytes]]:
    """All headers of an answer but content-length, transfer-encoding and connection, in small letters as ASGI wants."""
    headers = [*answer.headers, *_unless_own(cors, answer), (b"x-request-id", request_id.encode()), *COMMON]
    return [(name.lower(), value) for name, value in headers]


def head_of(answer: Answer, request_id: str, cors: Headers, *, close: bool) -> bytes:
    """The status line and headers of a response, with the empty line that ends them."""
    own = b""
    if answer.headers or cors:
        own = b"".join(name + b": " + value + b"\r\n" for name, value in (*answer.headers, *_unless_own(cors, answer)))
    end = b"close" if close else b"keep-alive"
    if answer.stream is None:
        return WHOLE % (answer.status, answer.reason, own, request_id.encode(), len(answer.body), end)
    return STREAMED % (answer.status, answer.reason, own, request_id.encode(), end)


def _unless_own(cors: Headers, answer: Answer) -> Headers:
    """The headers for CORS that a handler has not set itself."""
    if not cors:
        return ()
    own = {name.lower() for name, _ in answer.headers}
    return tuple(header for header in cors if header[0] not in own)


def refusal(limit: int) -> bytes:
    """The whole 413."""
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in too_large(limit))
    return b"HTTP/1.1 413 Request Entity Too Large\r\n" + lines + b"\r\n"


def chunk_of(piece: bytes) -> bytes:
    """One piece of a stream as an HTTP chunk; nothing for an empty one, which would end the stream."""
    return b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""
