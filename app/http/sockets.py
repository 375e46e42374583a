"""The sockets of an address; the file of a unix socket is taken from a server that is gone, never from a live one."""

import errno
import os
import socket
import stat
import struct
from asyncio import BaseTransport
from contextlib import ExitStack, suppress
from pathlib import Path

from app.errors import CannotListen
from app.settings.types import ListenAddress


def bind(address: ListenAddress, backlog: int) -> list[socket.socket]:
    """Sockets that listen on an address, one for each IP address of its host; raises CannotListen."""
    try:
        if address.scheme == "unix":
            return [_bind_unix(address.path, backlog)]
        return _bind_tcp(address.host, address.port, backlog)
    except OSError as error:
        raise CannotListen(f"Cannot listen on {address}: {error}") from error


def remove_socket_file(address: ListenAddress) -> None:
    """Remove the file of an address that is a unix socket."""
    if address.scheme == "unix":
        Path(address.path).unlink(missing_ok=True)


def discard_unsent(transport: BaseTransport) -> None:
    """Have the system drop what it has not sent yet when the connection closes; it would keep megabytes for minutes."""
    with suppress(OSError), socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _bind_tcp(host: str, port: int, backlog: int) -> list[socket.socket]:
    with ExitStack() as opened:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        places = dict.fromkeys((family, (str(place[0]), int(place[1]))) for family, _, _, _, place in found)
        sockets = [
            opened.enter_context(socket.create_server(place, family=family, backlog=backlog))
            for family, place in places
        ]
        opened.pop_all()
    return sockets


def _bind_unix(path: str, backlog: int) -> socket.socket:
    _remove_stale(path)
    with ExitStack() as opened:
        bound = opened.enter_context(socket.socket(socket.AF_UNIX))
        bound.bind(path)
        bound.listen(backlog)
        opened.pop_all()
    return bound


def _remove_stale(path: str) -> None:
    """Make way for a new socket; raises OSError if a server listens there, or the file is no socket."""
    try:
        mode = Path(path).stat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode) or _has_listener(path):
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    Path(path).unlink()


def _has_listener(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        return probe.connect_ex(path) == 0
