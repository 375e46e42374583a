"""One HTTP request as it came over the wire, and its headers as a handler sees them."""

import os
import re
from collections.abc import Iterator, Sequence

from app.errors import BadEscape, PayloadTooLarge

HeaderLines = Sequence[tuple[bytes, bytes]]
"""Names and values of header lines, spelled as the client did."""
ENTROPY_BYTES = 4096
"""Random bytes that are drawn at once: a call of the system for each id would cost three times as much."""
INVALID_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")
_entropy = b""
_position = 0


def new_request_id() -> str:
    """A random UUID (version 4); for the event loop's thread alone."""
    global _entropy, _position
    if _position >= len(_entropy):
        _entropy, _position = os.urandom(ENTROPY_BYTES), 0
    value = _entropy[_position : _position + 16].hex()
    _position += 16
    return f"{value[:8]}-{value[8:12]}-4{value[13:16]}-{'89ab'[int(value[16], 16) & 3]}{value[17:20]}-{value[20:]}"


class HttpRequest:
    """A parsed request; `body` is whole when it is answered.

    `path` is percent-decoded, `target` is the path with its query as it was sent. `rejection` is the error to answer
    with where that was known before the body had come; the body has been dropped then.
    """

    __slots__ = (
        "body", "client", "headers", "http_version", "method", "path", "query_string", "rejection", "request_id",
        "target",
    )  # fmt: skip

    def __init__(
        self, method: str, path: str, query_string: bytes, headers: HeaderLines, *,
        target: bytes, http_version: str = "1.1", client: tuple[str, int] | None = None,
    ) -> None:  # fmt: skip
        self.method = method
        self.path = path
        self.query_string = query_string
        self.headers = headers
        self.body: bytes | bytearray = b""
        self.target = target
        self.http_version = http_version
        self.client = client
        self.rejection: Exception | None = None
        self.request_id = new_request_id()

    def __repr__(self) -> str:
        return f"<HttpRequest {self.method} {self.target.decode('latin-1')}>"

    def header(self, name: bytes) -> str:
        """One header's value by its lower-case name, "" where it is missing."""
        for key, value in self.headers:
            if key.lower() == name:
                return value.decode("latin-1")
        return ""


class HandlerHeaders:
    """The headers that a handler sees, decoded when it asks for them: those of a request, and those in `added`."""

    __slots__ = ("_added", "_lines")

    def __init__(self, lines: HeaderLines, added: tuple[tuple[str, str], ...] = ()) -> None:
        self._lines = lines
        self._added = added

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for name, value in self._lines:
            yield name.decode("latin-1"), value.decode("latin-1")
        yield from self._added


def check_length(declared: bytes, limit: int) -> int:
    """The value of a Content-Length; raises PayloadTooLarge beyond the limit."""
    if not declared.isdigit() or int(declared) > limit:
        raise PayloadTooLarge
    return int(declared)


def check_escapes(text: str) -> None:
    """Raise BadEscape for a path (and query) with a percent sign that no two hexadecimal digits follow."""
    wrong = INVALID_ESCAPE.search(text)
    if wrong is None:
        return
    place, digits = wrong.start(), text[wrong.end() : wrong.end() + 2]
    if len(digits) < 2:
        raise BadEscape(f"unterminated escape sequence at index {place} of: {text}")
    raise BadEscape(f"invalid hex byte '{digits}' at index {place + 1} of '{text}'")
