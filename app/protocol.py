"""HTTP as TorchServe's clients see it, where ASGI alone cannot: header names as sent, reason phrases, odd messages."""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.answers import error_answer
from app.errors import Wire

INVALID = error_answer(Wire(400, "BadRequestException", "Invalid HTTP message.")).body
INVALID_HEAD = b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: %d"


class TorchServeProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which also keeps header names as sent and tells when a client has gone.

    The scope's extensions carry "marserve.headers", the header lines as they came, and "marserve.gone", a list of
    callables for when the connection is lost.
    """

    gone: list[Callable[[], None]] | tuple[()] = ()

    def on_message_begin(self) -> None:
        """Start a request."""
        super().on_message_begin()
        self.wire: list[tuple[bytes, bytes]] = []
        self.gone = []
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]
        scope["extensions"] = {"marserve.headers": self.wire, "marserve.gone": self.gone}

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header line under both spellings."""
        super().on_header(name, value)
        self.wire.append((name, value))

    def on_headers_complete(self) -> None:
        """Hand a request whose head has come to the application, or queue it behind the one in progress."""
        version = self.parser.get_http_version()
        self._fill_scope(version)
        earlier = self.cycle
        self.cycle = Cycle(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=[],
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        if earlier is None or earlier.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever still works for the client."""
        super().connection_lost(exc)
        for tell in self.gone:
            tell()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP as TorchServe does."""
        self.transport.write(INVALID_HEAD % len(INVALID) + b"\r\n\r\n" + INVALID)
        self.transport.close()

    def _fill_scope(self, version: str) -> None:
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        self.scope["method"] = self.parser.get_method().decode("ascii")
        self.scope["http_version"] = version
        self.scope["path"] = unquote(path) if "%" in path else path
        self.scope["raw_path"] = url.path
        self.scope["query_string"] = url.query or b""


class Cycle(RequestResponseCycle):
    """One request and its response; "reason" of the start message becomes the reason phrase."""

    async def send(self, message: Any) -> None:
        """Take an ASGI message; the application's own header names and values are known to be clean."""
        if self.response_started or "reason" not in message or self.disconnected:
            await super().send(message)
            return
        if self.flow.write_paused:
            await self.flow.drain()
        self.response_started = True
        self.waiting_for_100_continue = False
        self.transport.write(self._head(message))

    def _head(self, message: Any) -> bytes:
        lines = [b"HTTP/1.1 %d %b" % (message["status"], message["reason"])]
        for name, value in message["headers"]:
            if name == b"content-length":
                self.chunked_encoding = False
                self.expected_content_length = int(value)
            elif name == b"connection":
                self.keep_alive = value != b"close"
            lines.append(name + b": " + value)
        if self.chunked_encoding is None:
            self.chunked_encoding = True
            lines.append(b"transfer-encoding: chunked")
        lines.append(b"\r\n")
        return b"\r\n".join(lines)
