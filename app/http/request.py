"""One HTTP request as the routers see it: method, path segments, query, headers, and the whole body."""

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope

from app.errors import BadEscape, PayloadTooLarge
from app.http.request_ids import new_request_id

Lines = Sequence[tuple[bytes, bytes]]
"""Header lines: names and values as bytes."""


class Disconnected(Exception):
    """The client left before it had its answer."""


class Call:
    """A request whose body has been read.

    `case_known`: header names are spelled as the client did, not folded by a server in front. `target` is the path
    with its query as it was sent. `refusal` is why it is refused, where that was known before its body had come.
    """

    __slots__ = (
        "__dict__", "body", "case_known", "client", "headers", "http_version", "method", "query_string", "refusal",
        "request_id", "segments", "target",
    )  # fmt: skip

    def __init__(
        self, method: str, path: str, query_string: bytes, headers: Lines, body: bytes | bytearray, *,
        case_known: bool = True, target: bytes = b"", http_version: str = "1.1", client: tuple[str, int] | None = None,
    ) -> None:  # fmt: skip
        self.method = method
        self.query_string = query_string
        self.headers = headers
        self.body = body
        self.case_known = case_known
        self.target = target
        self.http_version = http_version
        self.client = client
        self.refusal: Exception | None = None
        self.request_id = new_request_id()
        segments = path.split("/")
        if len(segments) > 1:
            del segments[0]
        while len(segments) > 1 and not segments[-1]:
            segments.pop()
        self.segments: list[str] = segments

    @classmethod
    def of(cls, scope: Scope, body: bytes) -> "Call":
        """The call of an ASGI request."""
        raw, query = scope.get("raw_path") or scope["path"].encode(), scope["query_string"]
        return cls(
            scope["method"], scope["path"], query, scope["headers"], body, case_known=False,
            target=raw + b"?" + query if query else raw, http_version=scope["http_version"], client=scope["client"],
        )  # fmt: skip

    @cached_property
    def query(self) -> dict[str, str]:
        """The query parameters; the first of repeated ones wins. Raises BadEscape."""
        return dict(reversed(self.query_list))

    @property
    def query_list(self) -> list[tuple[str, str]]:
        """The query parameters in order, repeated ones included; semicolons part them too. Raises BadEscape."""
        check_escapes(self.target.decode("latin-1"))
        text = self.query_string.decode("latin-1")
        return [pair for piece in text.split(";") for pair in parse_qsl(piece, keep_blank_values=True)]

    def header(self, name: bytes) -> str:
        """One header's value by its lower-case name, "" where it is missing."""
        for key, value in self.headers:
            if key.lower() == name:
                return value.decode("latin-1")
        return ""


class WireHeaders:
    """A call's headers for a handler, decoded when it asks for them, and what the server adds to them."""

    __slots__ = ("_added", "_lines")

    def __init__(self, lines: Lines, added: tuple[tuple[str, str], ...] = ()) -> None:
        self._lines = lines
        self._added = added

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for name, value in self._lines:
            yield name.decode("latin-1"), value.decode("latin-1")
        yield from self._added


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body; raises PayloadTooLarge as soon as more than `limit` bytes are declared or have come."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            check_length(value, limit)
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > limit:
            raise PayloadTooLarge
    return bytes(body)


def check_length(declared: bytes, limit: int) -> int:
    """The value of a Content-Length; raises PayloadTooLarge beyond the limit."""
    if not declared.isdigit() or int(declared) > limit:
        raise PayloadTooLarge
    return int(declared)


ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")
"""A percent sign that begins no escape."""


def check_escapes(text: str) -> None:
    """Refuse a path (and query) with a percent sign that no two hexadecimal digits follow; raises BadEscape."""
    wrong = ESCAPE.search(text)
    if wrong is None:
        return
    place, digits = wrong.start(), text[wrong.end() : wrong.end() + 2]
    if len(digits) < 2:
        raise BadEscape(f"unterminated escape sequence at index {place} of: {text}")
    raise BadEscape(f"invalid hex byte '{digits}' at index {place + 1} of '{text}'")
