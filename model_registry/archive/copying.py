"""Copies a stream into a file, but no more bytes than allowed."""

from typing import Protocol

CHUNK = 1 << 20
"""Bytes moved at once."""


class Source(Protocol):
    """Anything with `read`."""

    def read(self, size: int = ..., /) -> bytes: ...


class Sink(Protocol):
    """Anything with `write`."""

    def write(self, data: bytes, /) -> object: ...


class TooLarge(Exception):
    """There is more to copy than allowed."""


def copy(source: Source, sink: Sink, limit: int) -> int:
    """Copy everything and return the number of bytes; raises TooLarge before more than `limit` are written."""
    copied = 0
    while chunk := source.read(CHUNK):
        copied += len(chunk)
        if copied > limit:
            raise TooLarge(f"more than {limit} bytes")
        sink.write(chunk)
    return copied
