"""The door of an https address: TLS comes in, and whoever speaks plainly is told that it takes TLS."""

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import Callable
from typing import cast

from app.http.response_head import COMMON_LINES
from app.http.responses import JSON, json_text

LOG = logging.getLogger("marserve.http")
PATIENCE = 60.0
"""Seconds that a client may take to begin, and again to finish the handshake."""
LINGER = 2.0
"""Seconds that a refused request is still read and dropped."""
HANDSHAKE = b"\x16"
"""The first byte of every TLS connection, and of no HTTP request."""
REFUSAL_BODY = json_text({"status": "This TorchServe instance only accepts HTTPS requests"})
REFUSAL = b"HTTP/1.1 403 Forbidden\r\n%b: %b\r\n%bcontent-length: %d\r\nconnection: close\r\n\r\n%b" % (
    *JSON[0], COMMON_LINES, len(REFUSAL_BODY), REFUSAL_BODY,
)  # fmt: skip


class PlainHttpRejector(asyncio.Protocol):
    """Looks at the first byte of a connection without taking it; `inside` makes the protocol that is spoken in TLS."""

    def __init__(self, context: ssl.SSLContext, inside: Callable[[], asyncio.BaseProtocol]) -> None:
        self._context = context
        self._inside = inside
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a new connection out of the hands of its transport, which would read from it."""
        plain = cast("asyncio.Transport", transport)
        plain.pause_reading()
        try:
            connection = socket.socket(fileno=os.dup(plain.get_extra_info("socket").fileno()))
        finally:
            plain.abort()
        connection.setblocking(False)
        self._task = asyncio.get_running_loop().create_task(self._admit(connection))

    async def _admit(self, connection: socket.socket) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                first = await _peek(connection)
            if first != HANDSHAKE:
                await _refuse(connection)
                return
            await asyncio.get_running_loop().connect_accepted_socket(
                self._inside, connection, ssl=self._context, ssl_handshake_timeout=PATIENCE
            )
        except OSError as error:  # also TimeoutError and ssl.SSLError
            LOG.debug("No TLS connection came of it: %s", error)
            connection.close()


async def _peek(connection: socket.socket) -> bytes:
    """The first byte that comes, left where it is; b"" at the end of the connection."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(connection, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(connection)
    return connection.recv(1, socket.MSG_PEEK)


async def _refuse(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    with connection:
        await loop.sock_sendall(connection, REFUSAL)
        connection.shutdown(socket.SHUT_WR)
        # Closed with bytes unread, the connection would end in a reset, and the client might miss the answer.
        async with asyncio.timeout(LINGER):
            while await loop.sock_recv(connection, 1 << 16):
                pass
