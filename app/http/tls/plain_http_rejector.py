"""The first bytes on an https address: TLS is spoken with TorchServeProtocol, and plain HTTP is rejected."""

import asyncio
import logging
import os
import socket
import ssl
from functools import partial
from typing import Any, cast

from app.http.limits.admission import Admission, peer_of
from app.http.protocol import TorchServeProtocol
from app.http.response_head import COMMON_LINES
from app.http.responses import JSON, json_text

LOG = logging.getLogger("marserve.http")
DISCARD_SECONDS = 2.0
"""Time for which a rejected request is still read and dropped."""
HANDSHAKE_BYTE = b"\x16"
"""The first byte of every TLS connection, and of no HTTP request."""
REJECTION_BODY = json_text({"status": "This TorchServe instance only accepts HTTPS requests"})
REJECTION = b"HTTP/1.1 403 Forbidden\r\n%b: %b\r\n%bcontent-length: %d\r\nconnection: close\r\n\r\n%b" % (
    *JSON[0], COMMON_LINES, len(REJECTION_BODY), REJECTION_BODY,
)  # fmt: skip


class PlainHttpRejector(asyncio.Protocol):
    """Looks at the first byte of a connection without taking it, and counts it until its handshake is over.

    Takes an SSL context, seconds for the first byte and once more for the handshake, and uvicorn's arguments.
    """

    def __init__(
        self, context: ssl.SSLContext, handshake_timeout: float, admission: Admission, **arguments: Any
    ) -> None:
        self._context = context
        self._handshake_timeout = handshake_timeout
        self._admission = admission
        self._inner_protocol = partial(TorchServeProtocol, **arguments)
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket of a new connection from its transport, which would read from it."""
        plain = cast("asyncio.Transport", transport)
        plain.pause_reading()
        name = plain.get_extra_info("peername")
        peer = peer_of(name[0]) if isinstance(name, tuple) else None
        if self._admission.admit_handshake(peer):
            plain.abort()
            return
        try:
            connection = socket.socket(fileno=os.dup(plain.get_extra_info("socket").fileno()))
        finally:
            plain.abort()
        connection.setblocking(False)
        self._task = asyncio.get_running_loop().create_task(self._accept(connection))
        self._task.add_done_callback(lambda task: self._admission.end_handshake(peer))

    async def _accept(self, connection: socket.socket) -> None:
        try:
            async with asyncio.timeout(self._handshake_timeout):
                first = await _peek(connection)
            if first != HANDSHAKE_BYTE:
                await _reject(connection)
                return
            await asyncio.get_running_loop().connect_accepted_socket(
                self._inner_protocol, connection, ssl=self._context, ssl_handshake_timeout=self._handshake_timeout
            )
        except OSError as error:  # also TimeoutError and ssl.SSLError
            if isinstance(error, TimeoutError):
                self._admission.refusals.add("tls_handshake_timeout")
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


async def _reject(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    with connection:
        await loop.sock_sendall(connection, REJECTION)
        connection.shutdown(socket.SHUT_WR)
        # Closed with bytes unread, the connection would end in a reset, and the client might miss the answer.
        async with asyncio.timeout(DISCARD_SECONDS):
            while await loop.sock_recv(connection, 1 << 16):
                pass
