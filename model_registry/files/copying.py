"""Copies a stream into a file, up to a limit."""

from collections.abc import Callable
from typing import Protocol

CHUNK_BYTES = 1 << 20


class Source(Protocol):
    """Anything with `read`."""

    def read(self, size: int = ..., /) -> bytes: ...


class Sink(Protocol):
    """Anything with `write`."""

    def write(self, data: bytes, /) -> object: ...


class TooLarge(Exception):
    """The stream is longer than the limit."""


def copy(source: Source, sink: Sink, limit: int, check: Callable[[], None] = lambda: None) -> int:
    """Copy everything and return the number of bytes; raises TooLarge before more than `limit` are written.

    `check` is called before each chunk, and ends the copy by raising.
    """
    copied = 0
    while chunk := source.read(CHUNK_BYTES):
        check()
        copied += len(chunk)
        if copied > limit:
            raise TooLarge(f"more than {limit} bytes")
        sink.write(chunk)
    return copied
