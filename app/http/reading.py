"""Reads the requests of one connection: from bytes as they come to whole calls."""

import logging
from typing import Protocol
from urllib.parse import unquote

import httptools

from app.errors import PayloadTooLarge
from app.http.call import Call, check_length

LOG = logging.getLogger("marserve.http")
HEAD_LIMIT = 64 << 10
"""Bytes of a request line and its headers."""
BETWEEN = 4
"""Bytes of a header line besides name and value."""


class NotHttp(Exception):
    """What came is no HTTP request, or its head exceeds HEAD_LIMIT."""


class HeadTooLarge(Exception):
    """A request line with its headers exceeds HEAD_LIMIT."""


class Taker(Protocol):
    """Whoever answers what is read."""

    def take(self, call: Call, keep: bool) -> None:
        """A request is whole; `keep` if its client keeps the connection open."""

    def encourage(self) -> None:
        """A client waits to be asked for its body."""

    def refuse(self) -> None:
        """A body is too large: it is read and dropped from now on. Called once for a request."""

    def refused(self) -> None:
        """What was refused has come to its end."""


class RequestReader:
    """Parses with httptools, which calls the `on_...` methods. `limit` bounds a body, in bytes."""

    def __init__(self, taker: Taker, limit: int) -> None:
        self.in_message = False
        """Whether a request has begun and is not whole yet."""
        self.client: tuple[str, int] | None = None
        self._taker = taker
        self._limit = limit
        self._parser = httptools.HttpRequestParser(self)
        self._in_head = False
        self._open_head = 0
        self._refused = False

    def __repr__(self) -> str:
        return f"<RequestReader {'in a request' if self.in_message else 'between requests'}>"

    def feed(self, data: bytes) -> None:
        """Take what came; raises NotHttp."""
        if self._in_head:
            self._open_head += len(data)  # the parser keeps a header line to itself until it has seen its end
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # the request is answered as any other; what follows it is not HTTP
        except httptools.HttpParserError as error:
            if isinstance(error, httptools.HttpParserCallbackError) and not isinstance(error.__context__, HeadTooLarge):
                LOG.error("A request could not be taken.", exc_info=error)
            raise NotHttp from error
        if self._in_head and self._open_head > HEAD_LIMIT:
            raise NotHttp

    def close(self) -> None:
        """Let go of the parser, which holds its reader."""
        self._parser = None

    def on_message_begin(self) -> None:
        """A request begins."""
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._size = self._head_size = self._open_head = 0
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
                    check_length(value, self._limit)
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
        self.in_message = False
        if self._refused:
            self._taker.refused()
            return
        url, body = httptools.parse_url(self._url), self._body
        path = url.path.decode("latin-1")
        call = Call(
            self._parser.get_method().decode("ascii"), unquote(path) if "%" in path else path, url.query or b"",
            self._headers, body[0] if len(body) == 1 else b"".join(body),
            target=self._url, http_version=self._parser.get_http_version(), client=self.client,
        )  # fmt: skip
        self._body = []
        self._taker.take(call, self._parser.should_keep_alive())

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
