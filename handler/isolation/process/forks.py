"""A process that an archive's code forks from the server's: it holds none of the server's sockets and signals."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress

from handler.isolation.once import once

_DESCRIPTORS = ("/proc/self/fd", "/dev/fd")


@once
def install() -> None:
    """Have each child that is forked from now on let go of what belongs to the server."""
    os.register_at_fork(after_in_child=leave_server)


def leave_server() -> None:
    """Close the sockets that listen, and the connections that they have accepted; reset all signal handlers.

    Else the server's ports would stay taken, and its clients connected, for as long as the child lives, and a signal to
    the process group would end the server only.
    """
    sockets = dict(_sockets())
    addresses = {_address(each) for each in sockets.values() if _listens(each)}
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 (the working directory may be resolved by pathlib's)
        for descriptor, each in sockets.items():
            if _address(each) in addresses:
                os.dup2(nothing.fileno(), descriptor, inheritable=False)  # its owner in Python may close it once more
            each.detach()
    _reset_signals()


def _sockets() -> Iterator[tuple[int, socket.socket]]:
    folder = next((path for path in _DESCRIPTORS if os.path.isdir(path)), None)  # noqa: PTH112
    for name in os.listdir(folder) if folder else ():  # noqa: PTH208
        with suppress(OSError):  # no socket, or the descriptor of the listing itself
            yield int(name), socket.socket(fileno=int(name))


def _listens(each: socket.socket) -> bool:
    with suppress(OSError):
        return bool(each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    return False


def _address(each: socket.socket) -> object:
    """The properties that connections share with the socket that accepted them: the port, or the path."""
    with suppress(OSError):
        name = each.getsockname()
        if each.type & socket.SOCK_STREAM:
            return name[1] if isinstance(name, tuple) else name or each.fileno()
    return each.fileno(), "other"


def _reset_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)) and signal.getsignal(number) is not signal.default_int_handler:
            default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, default)
