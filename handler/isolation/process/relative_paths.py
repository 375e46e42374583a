"""Relative paths against a folder of the thread's own, for systems that do not part threads' working directories."""

# These are the very functions that pathlib calls.
# ruff: noqa: PTH208

import builtins
import io
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from handler.isolation.once import once
from handler.isolation.thread_inheritance import Inherited

real_getcwd = os.getcwd
real_chdir = os.chdir

_TAKE_A_PATH = (
    "access",
    "chmod",
    "listdir",
    "lstat",
    "mkdir",
    "open",
    "readlink",
    "remove",
    "rmdir",
    "scandir",
    "stat",
    "truncate",
    "unlink",
    "utime",
)
_TAKE_TWO_PATHS = ("link", "rename", "replace")


class Place:
    """Where the threads of one worker believe to work."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        return f"<Place {self.folder}>"

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


PLACE: Inherited[Place] = Inherited()


@once
def install() -> None:
    """Make Python's file functions resolve against the thread's place, where it has one."""
    builtins.open = io.open = _resolving(io.open, 1)
    for name in _TAKE_A_PATH:
        setattr(os, name, _resolving(getattr(os, name), 1))
    for name in _TAKE_TWO_PATHS:
        setattr(os, name, _resolving(getattr(os, name), 2))
    os.getcwd = lambda: str(place.folder) if (place := PLACE.get()) else real_getcwd()
    os.chdir = lambda path: place.move(path) if (place := PLACE.get()) else real_chdir(path)


def _resolving(function: Callable[..., Any], count: int) -> Any:
    """A partial, since a function would become a method where a class body says "open = open"."""
    return partial(_call, function, count)


def _call(function: Callable[..., Any], count: int, *arguments: Any, **options: Any) -> Any:
    place = PLACE.get()
    if place is None or options.get("dir_fd") is not None:
        return function(*arguments, **options)
    if not arguments and "path" in options:
        arguments = (options.pop("path"),)
    paths = [place.resolve(path) for path in arguments[:count]] or [str(place.folder)]
    return function(*paths, *arguments[count:], **options)
