"""The pid file: the process number of the running server, locked as long as that process lives."""

import fcntl
import os
from pathlib import Path


class AlreadyRunning(Exception):
    """Another process holds the pid file."""


class PidFile:
    """One server at a time for each `path`. The lock counts, not the number: numbers are used again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    def __repr__(self) -> str:
        return f"<PidFile {self.path}, {'not ' if self._fd is None else ''}locked>"

    def holder(self) -> int | None:
        """The process of the running server, or None."""
        try:
            fd = os.open(self.path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            return None if _lock(fd, fcntl.LOCK_SH) else _living_process(os.read(fd, 32))
        finally:
            os.close(fd)

    def acquire(self) -> None:
        """Make this process the running server. Raises AlreadyRunning, or OSError where the file cannot be written."""
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        if not _lock(fd, fcntl.LOCK_EX):
            os.close(fd)
            raise AlreadyRunning
        self._fd = fd
        self.write(os.getpid())

    def descriptor(self) -> int:
        """The descriptor with the lock: a process that inherits it keeps the lock when this one ends."""
        assert self._fd is not None, "the file is not locked"
        return self._fd

    def write(self, pid: int) -> None:
        """Write to the locked file that `pid` is the server."""
        os.ftruncate(self.descriptor(), 0)
        os.pwrite(self.descriptor(), str(pid).encode(), 0)

    def release(self) -> None:
        """Remove the file and its lock."""
        self.path.unlink(missing_ok=True)
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _lock(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _living_process(written: bytes) -> int | None:
    """The process of that number, None if it has ended: a process that it started may have kept the lock."""
    try:
        pid = int(written)
        os.kill(pid, 0)
    except (ValueError, ProcessLookupError):
        return None
    except PermissionError:
        pass
    return pid
