"""Connections on which tests send bytes as they are, and read what comes back."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import anyio

from app.application import create_apps
from app.server import Server
from app.settings.types import ListenAddress
from tests.support.serving import Client

Scheme = Literal["http", "https"]


class RawConnection:
    """A connection on which bytes are sent as they are."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, text: str | bytes) -> None:
        self.writer.write(text if isinstance(text, bytes) else text.replace("\n", "\r\n").encode())

    async def send_in_pieces(self, text: bytes, size: int) -> None:
        """Send so many bytes at a time, with turns of the event loop in between, in which the server reads them."""
        for start in range(0, len(text), size):
            self.send(text[start : start + size])
            await self.writer.drain()
            await asyncio.sleep(0)

    async def head(self) -> tuple[str, dict[str, str]]:
        lines = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 30)).decode().split("\r\n")
        return lines[0], dict(line.split(": ", 1) for line in lines[1:] if line)

    async def answer(self) -> tuple[str, dict[str, str], bytes]:
        line, headers = await self.head()
        return line, headers, await self.reader.readexactly(int(headers["content-length"]))

    async def is_closed(self) -> bool:
        return await asyncio.wait_for(self.reader.read(), 30) == b""


class Endpoint:
    """An address of its own on which an application is served."""

    def __init__(self, server: Server, tls: ssl.SSLContext | None, stack: contextlib.AsyncExitStack) -> None:
        self.server = server
        self._tls = tls
        self._stack = stack

    async def connect(self) -> RawConnection:
        """A connection that is closed with the endpoint."""
        wire = RawConnection(*await asyncio.open_connection("127.0.0.1", self.server.port, ssl=self._tls))
        self._stack.callback(wire.writer.close)
        return wire


@asynccontextmanager
async def opened(client: Client, scheme: Scheme = "http") -> AsyncIterator[Endpoint]:
    """A port for what the client's application serves on its one address."""
    async with listening(client, ListenAddress(scheme, "127.0.0.1", 0)) as server, contextlib.AsyncExitStack() as stack:
        yield Endpoint(server, trusting() if scheme == "https" else None, stack)


@asynccontextmanager
async def listening(client: Client, address: ListenAddress) -> AsyncIterator[Server]:
    """The client's application on one more address; its shutdown is that of the application."""
    (app,) = create_apps(client.application).values()
    server = Server(app, address, client.application)
    server.bind()
    async with anyio.create_task_group() as tasks:
        await tasks.start(server.serve_bound)
        try:
            yield server
        finally:
            client.application.shutdown_requested.set()


def trusting() -> ssl.SSLContext:
    """Trusts any server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
