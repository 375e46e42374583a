"""Reads the requests of one connection: from bytes as they come to whole calls."""

import logging
from typing import Protocol, cast
from urllib.parse import unquote

import httptools

from app.errors import PayloadTooLarge
from app.http.request import Call, check_length

LOG = logging.getLogger("marserve.http")
HEAD_LIMIT = 64 << 10
"""Bytes of a request line and its headers."""
END_OF_HEAD = b"\r\n\r\n"
BETWEEN = 4
"""Bytes of a header line besides name and value."""
SCRATCH = 256 << 10
"""Bytes that are received at once for the parser."""
LARGE = 64 << 10
"""Bytes of a body from which on it is received where it stays, past the parser, which would copy every piece."""
GROWTH = 4
"""How many times what has come a large body is given room for: nobody takes memory by declaring a length alone."""


class InvalidRequest(Exception):
    """What came is no HTTP request, or its head exceeds HEAD_LIMIT."""


class HeadTooLarge(Exception):
    """A request line with its headers exceeds HEAD_LIMIT."""


class Taker(Protocol):
    """Whoever answers what is read."""

    def foresee(self, call: Call) -> None:
        """The head of a request with a large body is there: set its `refusal` if it will be refused anyway."""

    def take(self, call: Call, keep: bool) -> None:
        """A request is whole; `keep` if its client keeps the connection open."""

    def encourage(self) -> None:
        """A client waits to be asked for its body."""

    def refuse(self) -> None:
        """A body is too large: it is read and dropped from now on. Called once for a request."""

    def refused(self) -> None:
        """What was refused has come to its end."""


class RequestParser:
    """Parses with httptools, which calls the `on_...` methods. `limit` bounds a body, in bytes.

    What comes is written into `room()`, and told with `received`. `scratch` may be shared by all readers of a thread:
    nothing stays in it from one call to the next.
    """

    def __init__(self, taker: Taker, limit: int, scratch: memoryview) -> None:
        self.in_message = False
        """Whether a request has begun and is not whole yet."""
        self.client: tuple[str, int] | None = None
        self._taker = taker
        self._limit = limit
        self._scratch = scratch
        self._parser = httptools.HttpRequestParser(self)
        self._body: list[bytes] = []
        self._call: Call | None = None
        self._large: bytearray | None = None
        self._in_head = False
        self._size = self._declared = self._open_head = 0
        self._refused = False

    def __repr__(self) -> str:
        return f"<RequestParser {'in a request' if self.in_message else 'between requests'}>"

    def room(self) -> memoryview:
        """Where the next bytes belong."""
        if self._call is None:
            return self._scratch
        if self._large is None:  # what is refused is dropped
            return self._scratch[: self._declared - self._size]
        if self._size == len(self._large):
            self._large += bytes(min(self._declared, GROWTH * self._size) - self._size)
        return memoryview(self._large)[self._size :]

    def received(self, count: int) -> None:
        """Take so many bytes, which are in the room now; raises InvalidRequest."""
        if self._call is None:
            self._feed(self._scratch[:count])
            return
        self._size += count
        if self._size == self._declared:
            call, self._call = self._call, None
            call.body, self._large = self._large or b"", None
            keep = self._parser.should_keep_alive()
            self._parser = httptools.HttpRequestParser(self)  # the old one still waits for the body
            self._complete(call, keep)

    def _feed(self, data: memoryview) -> None:
        """Parse what came; a large body that begins in it goes past the parser, which would copy it."""
        head = len(data) if self.in_message or len(data) <= LARGE else self._end_of_head(len(data))
        if not self._parse(data[:head]):
            return
        rest = data[head:]
        if self._is_large and len(rest) < self._declared:
            self._pass_by(rest)
        elif rest:
            self._parse(rest)

    def _end_of_head(self, count: int) -> int:
        """Where the first head in the scratch ends, or all that came does."""
        found = cast("bytearray", self._scratch.obj).find(END_OF_HEAD, 0, min(count, HEAD_LIMIT))
        return count if found < 0 else found + len(END_OF_HEAD)

    @property
    def _is_large(self) -> bool:
        """Whether the body of a request whose head is there is large, and more of it is to come."""
        return self.in_message and not self._in_head and self._declared > LARGE and not self._refused

    def _parse(self, data: memoryview) -> bool:
        """Whether what follows is HTTP; raises InvalidRequest."""
        if self._in_head:
            self._open_head += len(data)  # the parser keeps a header line to itself until it has seen its end
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            return False  # the request is answered as any other
        except httptools.HttpParserError as error:
            if isinstance(error, httptools.HttpParserCallbackError) and not isinstance(error.__context__, HeadTooLarge):
                LOG.error("A request could not be taken.", exc_info=error)
            raise InvalidRequest from error
        if self._in_head and self._open_head > HEAD_LIMIT:
            raise InvalidRequest
        return True

    def _pass_by(self, came: memoryview) -> None:
        """Receive the rest of a large body, of which this has come besides what is parsed, past the parser."""
        self._call = self._head()
        self._taker.foresee(self._call)
        parsed, self._size = self._size, self._size + len(came)
        if self._call.refusal is None:
            self._large = bytearray(min(self._declared, GROWTH * self._size + LARGE))
            self._large[:parsed] = b"".join(self._body)
            self._large[parsed : self._size] = came
        self._body = []

    def close(self) -> None:
        """Let go of what holds this reader, so that nothing waits for the garbage collector."""
        self._taker = self._parser = self._call = self._large = None  # type: ignore[assignment] # nothing comes any more

    def on_message_begin(self) -> None:
        """A request begins."""
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = []
        self._size = self._declared = self._head_size = self._open_head = 0
        self._in_head = self.in_message = True
        self._refused = False

    def on_url(self, url: bytes) -> None:
        """A piece of the request line."""
        self._url += url
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header line."""
        self._count_head(len(name) + len(value) + BETWEEN)
        if self._in_head:  # else it comes after the body, where TorchServe reads none
            self._headers.append((name, value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """The head is whole: refuse a body that is declared too large, encourage one that asks."""
        self._in_head = False
        expecting = None
        for header in self._headers:
            name, value = header
            if len(name) == 14 and name.lower() == b"content-length":
                try:
                    self._declared = check_length(value, self._limit)
                except PayloadTooLarge:
                    self._refuse()
            elif len(name) == 6 and name.lower() == b"expect":
                expecting = header
        if expecting and not self._refused:
            self._encourage(expecting)

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._size += len(body)
        if self._size > self._limit:
            self._refuse()
        elif not self._refused:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self._refused:
            self.in_message = False
            self._taker.refused()
        else:
            call = self._head()
            call.body, self._body = self._body[0] if len(self._body) == 1 else b"".join(self._body), []
            self._complete(call, self._parser.should_keep_alive())

    def _complete(self, call: Call, keep: bool) -> None:
        self.in_message = False
        self._taker.take(call, keep)

    def _head(self) -> Call:
        """The call, without its body."""
        url = httptools.parse_url(self._url)
        path = url.path.decode("latin-1")
        return Call(
            self._parser.get_method().decode("ascii"), unquote(path) if "%" in path else path, url.query or b"",
            self._headers, b"",
            target=self._url, http_version=self._parser.get_http_version(), client=self.client,
        )  # fmt: skip

    def _encourage(self, header: tuple[bytes, bytes]) -> None:
        """Ask for the body of a client that waits to be asked; handlers do not see that it did."""
        if header[1].lower() == b"100-continue" and self._parser.get_http_version() != "1.0":
            self._headers.remove(header)
            self._taker.encourage()

    def _refuse(self) -> None:
        if not self._refused:
            self._refused, self._body = True, []
            self._taker.refuse()

    def _count_head(self, size: int) -> None:
        self._head_size += size
        if self._head_size > HEAD_LIMIT:
            raise HeadTooLarge
