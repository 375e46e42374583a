"""The file of a unix socket: taken from a server that is gone, never from one that listens."""

import errno
import os
import socket
import stat
from pathlib import Path


def remove_stale(path: str) -> None:
    """Make way for a new socket at `path`; raises OSError if somebody listens there, or it is no socket."""
    try:
        mode = Path(path).stat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode) or _listens(path):
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    remove(path)


def remove(path: str) -> None:
    """Remove the socket of a server that listens no longer; "" is the path of an address that is none."""
    if path:
        Path(path).unlink(missing_ok=True)


def _listens(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        return probe.connect_ex(path) == 0
