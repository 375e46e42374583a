"""A working directory for each worker, which is its archive's folder."""

import ctypes
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

from handler.isolation.once import once
from handler.isolation.process import relative_paths

LOG = logging.getLogger("marserve.loading")
_CLONE_FS = 0x200  # from Linux's sched.h: working directory, root and umask

_loading = RLock()


def unshare() -> bool:
    """Part the calling thread's working directory from the process's, also for threads and programs that it starts.

    False where that cannot be: only Linux can, and a container's seccomp profile may forbid it.
    """
    try:
        return int(ctypes.CDLL(None).unshare(_CLONE_FS)) == 0
    except (AttributeError, OSError, TypeError):
        return False


class WorkFolder:
    """The working directory of one worker's threads.

    Where threads share theirs, the process's must stay where it is: then Python's own file functions resolve relative
    paths against the folder for these threads, and programs are started there. For libraries written in C the process
    works in the folder while the archive loads, one archive at a time.
    """

    def __init__(self, folder: Path, unshare: Callable[[], bool] = unshare) -> None:
        self.place = relative_paths.Place(folder)
        self.private = True
        self._folder = folder
        self._unshare = unshare

    def __repr__(self) -> str:
        return f"<WorkFolder {self._folder}, {'private' if self.private else 'resolved'}>"

    def enter(self) -> None:
        """Let the calling thread work in the folder."""
        self.private = self._unshare()
        if self.private:
            relative_paths.real_chdir(self._folder)
        else:
            relative_paths.install()
            _tell()

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Let C code find the folder, too, until the end of the block."""
        if self.private:
            yield
            return
        with _loading:
            before = relative_paths.real_getcwd()
            relative_paths.real_chdir(self._folder)
            try:
                yield
            finally:
                relative_paths.real_chdir(before)


@once
def _tell() -> None:
    LOG.warning(
        "The system refuses to part threads' working folders (unshare). Python's file functions and programs find each "
        "archive's folder all the same; libraries written in C do so only while the model loads."
    )
