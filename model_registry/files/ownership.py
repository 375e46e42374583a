"""Temporary files and folders that tell a running server's from those that a crashed one left behind.

Their names begin with a mark, and their owner holds a lock on them (flock) for as long as it lives. A kernel sees the
locks of its own processes only; of files that another machine made, on a shared disk, the age decides as well.
"""

import fcntl
import hashlib
import os
import re
import shutil
import socket
import stat
import time
import weakref
from pathlib import Path
from uuid import uuid4

MARK = b"mars".hex()
ABANDONED_AFTER_SECONDS = 3600.0
"""The age at which an unlocked file of another machine counts as left behind."""


def _kernel_id() -> str:
    try:
        identity = Path("/proc/sys/kernel/random/boot_id").read_bytes()
    except OSError:
        identity = socket.gethostname().encode()
    return hashlib.blake2s(identity, digest_size=4).hexdigest()


KERNEL_ID = _kernel_id()
NAME = re.compile(rf"\.?{MARK}(?P<kernel>[0-9a-f]{{8}})[0-9a-f]{{16}}(\.part)?")


def make_part_file(folder: Path, mode: int) -> tuple[Path, int]:
    """Make a locked hidden file; returns its path and descriptor, which holds the lock. Raises OSError."""
    while True:
        part = folder / f".{_new_name()}.part"
        file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        if _lock(file, part):
            return part, file
        os.close(file)


def clear_abandoned(folder: Path) -> list[Path]:
    """Delete what servers that live no more have left in a folder, and return it; blocks."""
    try:
        found = [(path, match["kernel"]) for path in folder.iterdir() if (match := NAME.fullmatch(path.name))]
    except OSError:
        return []
    return [path for path, kernel in found if _delete_if_abandoned(path, kernel)]


class OwnedFolders:
    """The temporary folders that this process has made and not removed yet."""

    def __init__(self) -> None:
        self._locks: dict[Path, int] = {}
        weakref.finalize(self, _close_all, self._locks)

    def __repr__(self) -> str:
        return f"<OwnedFolders {len(self._locks)}>"

    def make(self, parent: Path) -> Path:
        """Make and lock a new folder, named by 32 hexadecimal digits, and its parents; raises OSError."""
        while True:
            folder = parent / _new_name()
            parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700)
            try:
                lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            except FileNotFoundError:  # a server that starts now took it for abandoned
                continue
            if _lock(lock, folder):
                self._locks[folder] = lock
                return folder
            os.close(lock)

    def remove(self, folder: Path) -> None:
        """Delete a folder with its content; may be repeated."""
        shutil.rmtree(folder, ignore_errors=True)
        lock = self._locks.pop(folder, None)
        if lock is not None:
            os.close(lock)

    def remove_all(self) -> None:
        """Delete all folders."""
        for folder in list(self._locks):
            self.remove(folder)


def _close_all(locks: dict[Path, int]) -> None:
    for lock in locks.values():
        os.close(lock)


def _new_name() -> str:
    return f"{MARK}{KERNEL_ID}{uuid4().hex[:16]}"


def _lock(file: int, path: Path) -> bool:
    """Lock what was just made; false if another server took it for abandoned before."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return path.exists()


def _delete_if_abandoned(path: Path, kernel: str) -> bool:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        if not _is_abandoned(file, kernel):
            return False
        shutil.rmtree(path, ignore_errors=True)
        path.unlink(missing_ok=True)
    except OSError:  # a folder that is deleted, or a lock that cannot be had
        return not path.exists()
    finally:
        os.close(file)
    return True


def _is_abandoned(file: int, kernel: str) -> bool:
    """True if the file is ours and its owner has ended; raises OSError if it is locked or cannot be."""
    status = os.fstat(file)
    if status.st_uid != os.geteuid() or not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        return False
    if kernel != KERNEL_ID and time.time() - status.st_mtime < ABANDONED_AFTER_SECONDS:
        return False
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return True
