"""A working directory for each worker, which is its archive's folder.

Where the system does not part the working directories of threads, Python's own file functions resolve relative paths
against a directory that the worker's threads share.
"""

# The functions replaced here are those that pathlib calls.
# ruff: noqa: PTH208

import builtins
import ctypes
import io
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import RLock
from typing import Any

from handler.isolation.once import once
from handler.isolation.thread_inheritance import InheritedValue

LOG = logging.getLogger("marserve.loading")
_CLONE_FS = 0x200  # from Linux's sched.h: working directory, root and umask

real_getcwd = os.getcwd
real_chdir = os.chdir

_TAKE_A_PATH = (
    "access", "chmod", "listdir", "lstat", "mkdir", "open", "readlink", "remove", "rmdir", "scandir", "stat",
    "truncate", "unlink", "utime",
)  # fmt: skip
_TAKE_TWO_PATHS = ("link", "rename", "replace")

_loading = RLock()


def unshare() -> bool:
    """Give the calling thread, and the threads and programs that it starts, a working directory of their own.

    Returns False where that is not possible: only Linux can, and a container's seccomp profile may forbid it.
    """
    try:
        return int(ctypes.CDLL(None).unshare(_CLONE_FS)) == 0
    except (AttributeError, OSError, TypeError):
        return False


class CurrentDirectory:
    """The directory against which the threads of one worker resolve relative paths."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        return f"<CurrentDirectory {self.folder}>"

    def resolve(self, path: Any) -> Any:
        """Make a relative path absolute, in the type that it has; leave descriptors alone."""
        if isinstance(path, bytes):
            return os.fsencode(self.folder / os.fsdecode(path))
        return str(self.folder / path) if isinstance(path, str | os.PathLike) else path

    def move(self, path: Any) -> None:
        """Do what `os.chdir` does."""
        folder = Path(os.path.realpath(self.resolve(path)))
        os.listdir(folder)  # raises what `os.chdir` would
        self.folder = folder


CURRENT_DIRECTORY: InheritedValue[CurrentDirectory] = InheritedValue()


class WorkingDirectory:
    """The working directory of one worker's threads.

    Where threads share theirs, the process's must stay where it is: then Python's own file functions resolve relative
    paths against the folder for these threads, and programs are started there. For libraries written in C the process
    works in the folder while the archive loads, one archive at a time.
    """

    def __init__(self, folder: Path, unshare: Callable[[], bool] = unshare) -> None:
        self.directory = CurrentDirectory(folder)
        self.private = True
        self._folder = folder
        self._unshare = unshare

    def __repr__(self) -> str:
        return f"<WorkingDirectory {self._folder}, {'private' if self.private else 'resolved'}>"

    def enter(self) -> None:
        """Let the calling thread work in the folder."""
        self.private = self._unshare()
        if self.private:
            real_chdir(self._folder)
        else:
            install_path_resolution()
            _warn()

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Let C code find the folder, too, until the end of the block."""
        if self.private:
            yield
            return
        with _loading:
            before = real_getcwd()
            real_chdir(self._folder)
            try:
                yield
            finally:
                real_chdir(before)


@once
def _warn() -> None:
    LOG.warning(
        "The system refuses to part threads' working folders (unshare). Python's file functions and programs find each "
        "archive's folder all the same; libraries written in C do so only while the model loads."
    )


@once
def install_path_resolution() -> None:
    """Make Python's file functions resolve against the calling thread's current directory, where it has one."""
    builtins.open = io.open = _resolving(io.open, 1)
    for name in _TAKE_A_PATH:
        setattr(os, name, _resolving(getattr(os, name), 1))
    for name in _TAKE_TWO_PATHS:
        setattr(os, name, _resolving(getattr(os, name), 2))
    os.getcwd = lambda: str(directory.folder) if (directory := CURRENT_DIRECTORY.get()) else real_getcwd()
    os.chdir = lambda path: directory.move(path) if (directory := CURRENT_DIRECTORY.get()) else real_chdir(path)


def _resolving(function: Callable[..., Any], count: int) -> Any:
    """Wrap a function; as a partial, since a function would become a method where a class body says "open = open"."""
    return partial(_call, function, count)


def _call(function: Callable[..., Any], count: int, *arguments: Any, **options: Any) -> Any:
    directory = CURRENT_DIRECTORY.get()
    if directory is None or options.get("dir_fd") is not None:
        return function(*arguments, **options)
    if not arguments and "path" in options:
        arguments = (options.pop("path"),)
    paths = [directory.resolve(path) for path in arguments[:count]] or [str(directory.folder)]
    return function(*paths, *arguments[count:], **options)
