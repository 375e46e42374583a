"""The parser of one connection: from bytes as they come to whole requests."""

import logging
from typing import Protocol, cast
from urllib.parse import unquote

import httptools

from app.errors import PayloadTooLarge
from app.http.request import HttpRequest, check_length

LOG = logging.getLogger("marserve.http")
MAX_HEAD_BYTES = 64 << 10
MAX_HEADERS = 1000
MAX_FRAMING_FACTOR = 16
"""Bytes of a chunked body that only frame it, for each byte of it: chunks of one byte have five."""
END_OF_HEAD = b"\r\n\r\n"
SEPARATOR_BYTES = len(b": \r\n")
RECEIVE_BUFFER_SIZE = 256 << 10
"""Bytes that are received at once for the parser."""
DIRECT_BODY_THRESHOLD = 64 << 10
"""Bytes of a body from which on it is received where it stays, past the parser, which would copy every piece."""
BODY_GROWTH_FACTOR = 4
"""A large body gets memory for so many times the bytes that have come: a declared length alone takes none."""


class InvalidRequest(Exception):
    """The bytes are no HTTP request, or its head exceeds MAX_HEAD_BYTES."""


class InvalidHead(Exception):
    """A head exceeds its limits, or its target is no URL."""


class ParserCallbacks(Protocol):
    """Called by a RequestParser as requests come."""

    def reject_early(self, request: HttpRequest) -> None:
        """The head of a request with a large body has come: set its `rejection` if it cannot be served anyway."""

    def on_request(self, request: HttpRequest, keep_alive: bool) -> None:
        """A request is whole; `keep_alive` if its client keeps the connection open."""

    def send_continue(self) -> None:
        """The client waits for 100 Continue before it sends its body."""

    def on_body_too_large(self) -> None:
        """A body exceeds the limit and is dropped from now on; called once for a request."""

    def on_dropped_body_end(self) -> None:
        """A dropped body has come to its end."""


class RequestParser:
    """Parses with httptools, which calls the `on_...` methods. `limit` bounds a body, in bytes.

    Bytes are written into `receive_buffer()`, then announced with `received`. `buffer` may be shared by all parsers of
    a thread: nothing stays in it from one call to the next.
    """

    def __init__(self, callbacks: ParserCallbacks, limit: int, buffer: memoryview) -> None:
        self.in_message = False
        """Whether a request has begun and is not whole yet."""
        self.client: tuple[str, int] | None = None
        self._callbacks = callbacks
        self._limit = limit
        self._buffer = buffer
        self._parser = httptools.HttpRequestParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: bytes | bytearray = b""
        self._request: HttpRequest | None = None
        self._large: bytearray | None = None
        self.in_head = False
        """Whether that request's head is not whole yet."""
        self._size = self._declared = self._open_head = self._framed = 0
        self._dropped = False

    def __repr__(self) -> str:
        return f"<RequestParser {'in a request' if self.in_message else 'between requests'}>"

    @property
    def body_size(self) -> int:
        """Bytes of the body that have come."""
        return self._size

    def receive_buffer(self) -> memoryview:
        """The memory that the next bytes belong into."""
        if self._request is None:
            return self._buffer
        if self._large is None:  # a rejected body is dropped
            return self._buffer[: self._declared - self._size]
        if self._size == len(self._large):
            self._large += bytes(min(self._declared, BODY_GROWTH_FACTOR * self._size) - self._size)
        return memoryview(self._large)[self._size :]

    def received(self, count: int) -> None:
        """Take so many bytes, which are in the receive buffer now; raises InvalidRequest."""
        if self._request is None:
            self._feed(self._buffer[:count])
            return
        self._size += count
        if self._size == self._declared:
            request, self._request = self._request, None
            request.body, self._large = self._large or b"", None
            keep_alive = self._parser.should_keep_alive()
            self._parser = httptools.HttpRequestParser(self)  # the old one still waits for the body
            self._complete(request, keep_alive)

    def _feed(self, data: memoryview) -> None:
        """Parse the bytes; a large body that begins in them goes past the parser, which would copy it."""
        head = len(data) if self.in_message or len(data) <= DIRECT_BODY_THRESHOLD else self._end_of_head(len(data))
        if not self._parse(data[:head]):
            return
        remaining = data[head:]
        if self._is_large and len(remaining) < self._declared:
            self._receive_directly(remaining)
        elif remaining:
            self._parse(remaining)

    def _end_of_head(self, count: int) -> int:
        """The end of the first head in the buffer, or of everything that came."""
        found = cast("bytearray", self._buffer.obj).find(END_OF_HEAD, 0, min(count, MAX_HEAD_BYTES))
        return count if found < 0 else found + len(END_OF_HEAD)

    @property
    def _is_large(self) -> bool:
        """Whether the body of a request whose head is there is large, and more of it is to come."""
        return self.in_message and not self.in_head and self._declared > DIRECT_BODY_THRESHOLD and not self._dropped

    def _parse(self, data: memoryview) -> bool:
        """Whether what follows is HTTP; raises InvalidRequest."""
        if self.in_head:
            self._open_head += len(data)  # the parser keeps a header line to itself until it has seen its end
        headers, size = self._headers if self.in_message and not self.in_head else None, self._size
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            return False  # the request is answered as any other
        except httptools.HttpParserError as error:
            if isinstance(error, httptools.HttpParserCallbackError) and not isinstance(error.__context__, InvalidHead):
                LOG.error("A request could not be taken.", exc_info=error)
            raise InvalidRequest from error
        if self.in_head and self._open_head > MAX_HEAD_BYTES:
            raise InvalidRequest
        if headers is self._headers and self.in_message:  # still within the same body
            self._count_framing(len(data), self._size - size)
        return True

    def _count_framing(self, received: int, of_body: int) -> None:
        """Bound what a chunked body has besides its bytes: lines of chunks and trailers, which may have no end."""
        self._framed += received - of_body
        if self._framed > MAX_HEAD_BYTES + MAX_FRAMING_FACTOR * self._size:
            raise InvalidRequest

    def _receive_directly(self, received: memoryview) -> None:
        """Receive the remaining bytes of a large body past the parser; `received` have come besides those parsed."""
        try:
            self._request = self._head()
        except InvalidHead as error:
            raise InvalidRequest from error
        self._callbacks.reject_early(self._request)
        parsed, self._size = self._size, self._size + len(received)
        if self._request.rejection is None:
            self._large = bytearray(min(self._declared, BODY_GROWTH_FACTOR * self._size + DIRECT_BODY_THRESHOLD))
            self._large[:parsed] = self._body
            self._large[parsed : self._size] = received
        self._body = b""

    def close(self) -> None:
        """Break the circles of references, so that nothing waits for the garbage collector."""
        self._callbacks = self._parser = self._request = self._large = None  # type: ignore[assignment] # nothing comes any more

    def on_message_begin(self) -> None:
        """A request begins."""
        self._url = b""
        self._headers = []
        self._body = b""
        self._size = self._declared = self._head_size = self._open_head = self._framed = 0
        self.in_head = self.in_message = True
        self._dropped = False

    def on_url(self, url: bytes) -> None:
        """A piece of the request line."""
        self._url += url
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header line."""
        self._count_head(len(name) + len(value) + SEPARATOR_BYTES)
        if not self.in_head:
            return  # it comes after the body, where TorchServe reads none
        if len(self._headers) == MAX_HEADERS:
            raise InvalidHead
        self._headers.append((name, value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """The head is whole: drop a body that is declared too large, or have it sent by a client that waits."""
        self.in_head = False
        expecting = None
        for header in self._headers:
            name, value = header
            if len(name) == 14 and name.lower() == b"content-length":
                try:
                    self._declared = check_length(value, self._limit)
                except PayloadTooLarge:
                    self._drop()
            elif len(name) == 6 and name.lower() == b"expect":
                expecting = header
        if expecting and not self._dropped:
            self._send_continue(expecting)

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._size += len(body)
        if self._size > self._limit:
            self._drop()
        elif self._dropped:
            return
        elif not self._body:
            self._body = body
        elif isinstance(self._body, bytes):
            self._body = bytearray(self._body) + body
        else:
            self._body += body  # pieces may be as small as a byte: each of its own would take forty

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self._dropped:
            self.in_message = False
            self._callbacks.on_dropped_body_end()
        else:
            request = self._head()
            request.body, self._body = self._body, b""
            self._complete(request, self._parser.should_keep_alive())

    def _complete(self, request: HttpRequest, keep_alive: bool) -> None:
        self.in_message = False
        self._callbacks.on_request(request, keep_alive)

    def _head(self) -> HttpRequest:
        """The request, without its body."""
        try:
            url = httptools.parse_url(self._url)
        except httptools.HttpParserInvalidURLError as error:
            raise InvalidHead from error
        path = (url.path or b"/").decode("latin-1")
        return HttpRequest(
            self._parser.get_method().decode("ascii"), unquote(path) if "%" in path else path, url.query or b"",
            self._headers,
            target=self._url, http_version=self._parser.get_http_version(), client=self.client,
        )  # fmt: skip

    def _send_continue(self, header: tuple[bytes, bytes]) -> None:
        """Have 100 Continue sent to a client that waits for it; handlers do not see the header."""
        if header[1].lower() == b"100-continue" and self._parser.get_http_version() != "1.0":
            self._headers.remove(header)
            self._callbacks.send_continue()

    def _drop(self) -> None:
        if not self._dropped:
            self._dropped, self._body = True, b""
            self._callbacks.on_body_too_large()

    def _count_head(self, size: int) -> None:
        self._head_size += size
        if self._head_size > MAX_HEAD_BYTES:
            raise InvalidHead
