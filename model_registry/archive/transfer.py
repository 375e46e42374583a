"""Web requests with a time limit for the whole, which another thread can cut short."""

import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from threading import Lock, Timer
from typing import Any
from urllib.request import BaseHandler, HTTPHandler, HTTPSHandler, Request, build_opener

USER_AGENT = ("User-Agent", "marserve")


class Transfer(HTTPHandler, HTTPSHandler):
    """One download, a context: after `total_seconds`, or by `abort`, its connections are shut down."""

    def __init__(self, total_seconds: float) -> None:
        super().__init__()
        self._lock = Lock()
        self._connections: list[socket.socket] = []
        self._reason: Exception | None = None
        self._timer = Timer(total_seconds, self.abort, [TimeoutError(f"not complete after {total_seconds:g} s")])
        self._timer.daemon = True

    def __enter__(self) -> "Transfer":
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def open(self, url: str, idle_seconds: float, *handlers: BaseHandler) -> Any:
        """The response, which waits at most `idle_seconds` for a byte; raises OSError, ValueError, HTTPException."""
        opener = build_opener(self, *handlers)
        opener.addheaders = [USER_AGENT]
        return opener.open(url, timeout=idle_seconds)

    def abort(self, reason: Exception) -> None:
        """Shut all connections down; thread-safe."""
        with self._lock:
            self._reason = self._reason or reason
            for connection in self._connections:
                with suppress(OSError):  # it is closed
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)  # TLS sockets have one that is not thread-safe

    def check(self) -> None:
        """Raise the reason of an abort: the end of an aborted stream looks like any other."""
        if self._reason is not None:
            raise self._reason

    def http_open(self, req: Request) -> HTTPResponse:
        """Open an http address."""
        return self.do_open(self._connecting(HTTPConnection), req)

    def https_open(self, req: Request) -> HTTPResponse:
        """Open an https address."""
        return self.do_open(self._connecting(HTTPSConnection), req)

    def _connecting(self, kind: type[HTTPConnection]) -> Any:
        def make(host: str, **options: Any) -> HTTPConnection:
            connection = kind(host, **options)
            connection.connect = partial(self._connect, connection, connection.connect)  # type: ignore[method-assign]
            return connection

        return make

    def _connect(self, connection: HTTPConnection, connect: Callable[[], None]) -> None:
        connect()
        with self._lock:
            self._connections.append(connection.sock)
        self.check()
