"""The server process: listens on one to three addresses in one event loop, and ends without losing a request."""

import asyncio
import logging
import os
import signal
import ssl
from collections.abc import Sequence
from contextlib import suppress
from threading import Timer
from typing import TYPE_CHECKING

import uvloop

from app.http.address import Address
from app.http.protocol import PATIENCE, TorchServeProtocol
from app.http.tls import server_context
from app.http.tls_sniffer import PlainHttpRejector
from app.http.unix_socket import remove, remove_stale
from app.lifespan import running
from app.listeners import grpc_listeners
from app.settings.model import Settings
from app.settings.types import ListenAddress

if TYPE_CHECKING:
    from app.grpc.server import GrpcListener

LOG = logging.getLogger("marserve.server")
BACKLOG = 2048
LAST = 1.0
"""Seconds that threads of archives get to end by themselves when everything else has ended."""
KEEP_ALIVE = 620
"""Seconds an idle connection is kept: longer than any common proxy does, so that none closes under its request."""


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit status."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(settings))


async def _serve(settings: Settings) -> int:
    stop = _stop_on_signals()
    async with running(settings) as application:
        addresses = [Listener(binding, address, settings) for binding, address in application.addresses().items()]
        listeners: list[Listener | GrpcListener] = [*addresses, *grpc_listeners(application)]
        for listener in listeners:
            try:
                await listener.open()
            except OSError as error:
                LOG.error("Cannot listen on %s: %s", listener, error)
                return 1
        application.registry.start_recording()
        print("Model server started.", flush=True)
        await stop.wait()
        await _accept_waiting(addresses)
        LOG.info("Shutting down; accepted requests are answered first.")
        application.begin_to_stop()
        _leave_within(settings.drain_timeout + LAST)
        for listener in listeners:
            listener.close()
        await asyncio.gather(*(listener.drain(settings.drain_timeout) for listener in listeners))
    _leave_within(LAST)
    return 0


class Listener:
    """One address: its socket, and the connections that came through it."""

    def __init__(self, binding: ListenAddress, address: Address, settings: Settings) -> None:
        self._binding = binding
        self._ssl: ssl.SSLContext | None = server_context(settings) if binding.scheme == "https" else None
        self._address = address
        self._connections: set[TorchServeProtocol] = set()
        self._server: asyncio.Server | None = None
        self._leaving = False
        self._watch: asyncio.TimerHandle | None = None
        self.accepted = 0
        """Connections so far."""

    def __str__(self) -> str:
        return str(self._binding)

    def __repr__(self) -> str:
        return f"<Listener {self._binding}, {len(self._connections)} connections>"

    async def open(self) -> None:
        """Bind and accept; raises OSError."""
        loop, where = asyncio.get_running_loop(), self._binding
        if where.scheme == "unix":
            remove_stale(where.path)
            self._server = await loop.create_unix_server(self._door, where.path, backlog=BACKLOG)
        else:
            self._server = await loop.create_server(self._door, where.host, where.port, backlog=BACKLOG)
        LOG.info("Listening on %s.", where)

    @property
    def port(self) -> int:
        """The port that is listened on; the system's choice where 0 was configured."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Accept no more connections, and none of the open ones for another request."""
        self._leaving = True
        if self._server is not None:
            self._server.close()
            remove(self._binding.path)
        for connection in list(self._connections):
            connection.shutdown()

    async def drain(self, seconds: float) -> None:
        """Let the requests in progress be answered, for at most `seconds`; then the connections are cut."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._connections:
                    await asyncio.wait([connection.gone for connection in self._connections])
        for connection in list(self._connections):
            connection.abort()

    def _door(self) -> asyncio.BaseProtocol:
        self.accepted += 1
        return self._protocol() if self._ssl is None else PlainHttpRejector(self._ssl, self._protocol)

    def _look(self) -> None:
        """Look after silent connections now and then, as long as there are any; a timer for each would cost more."""
        for connection in list(self._connections):
            connection.close_if_silent()
        self._watch = asyncio.get_running_loop().call_later(PATIENCE, self._look) if self._connections else None

    def _protocol(self) -> asyncio.BaseProtocol:
        if self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(PATIENCE, self._look)
        connection = TorchServeProtocol(self._address, self._connections, KEEP_ALIVE)
        if self._leaving:  # it was accepted before the door was closed
            connection.shutdown()
        return connection


async def _accept_waiting(addresses: Sequence[Listener]) -> None:
    """Accept the connections that were made before the signal: closing a socket resets those that still wait at it.

    The event loop accepts one in a turn; the turn that begins with the signal, and the one after it, may bring none.
    """
    idle = 0
    for _ in range(BACKLOG):
        before = sum(listener.accepted for listener in addresses)
        await asyncio.sleep(0)
        idle = 0 if sum(listener.accepted for listener in addresses) > before else idle + 1
        if idle > 2:
            return


def _leave_within(seconds: float) -> None:
    """End the process after a while, whatever threads it still has: a platform would kill it, and call that a crash."""
    timer = Timer(seconds, os._exit, (0,))
    timer.daemon = True
    timer.start()


def _stop_on_signals() -> asyncio.Event:
    """An event for the first SIGTERM or SIGINT; a second signal ends the process at once."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def asked(number: signal.Signals) -> None:
        if stop.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked, number)
    return stop
