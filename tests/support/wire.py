"""Connections on which tests send bytes as they are, and read what comes back."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from app.server import Listener
from app.settings.types import ListenAddress
from tests.support.serving import Client

Scheme = Literal["http", "https"]


class Wire:
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


class Door:
    """A port of its own through which an application serves."""

    def __init__(self, listener: Listener, tls: ssl.SSLContext | None, stack: contextlib.AsyncExitStack) -> None:
        self.listener = listener
        self._tls = tls
        self._stack = stack

    async def connect(self) -> Wire:
        """A connection that is closed with the door."""
        wire = Wire(*await asyncio.open_connection("127.0.0.1", self.listener.port, ssl=self._tls))
        self._stack.callback(wire.writer.close)
        return wire


@asynccontextmanager
async def opened(client: Client, scheme: Scheme = "http") -> AsyncIterator[Door]:
    """A port for what the client's application serves on its one address."""
    (address,) = client.application.addresses().values()
    listener = Listener(ListenAddress(scheme, "127.0.0.1", 0), address, client.application.settings)
    await listener.open()
    try:
        async with contextlib.AsyncExitStack() as stack:
            yield Door(listener, trusting() if scheme == "https" else None, stack)
    finally:
        listener.close()
        await listener.drain(5)


def trusting() -> ssl.SSLContext:
    """Trusts any server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
