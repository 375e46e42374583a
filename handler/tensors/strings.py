"""BYTES tensors as they travel: each element is its length, four bytes, lowest first, and then its bytes."""

from collections.abc import Iterable
from struct import Struct
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
LENGTH = Struct("<I")


class IncompleteLength(ValueError):
    """The last element has fewer than four bytes for its length: `available` are there."""

    def __init__(self, available: int) -> None:
        super().__init__(f"the length of a string has {available} bytes")
        self.available = available


class IncompleteString(ValueError):
    """An element ends before its length: `length` bytes are declared, `available` are there."""

    def __init__(self, length: int, available: int) -> None:
        super().__init__(f"a string of {length} bytes has {available}")
        self.length, self.available = length, available


def encode_strings(elements: Iterable[bytes | str]) -> bytes:
    """The elements in row-major order; str is written as UTF-8."""
    pieces = []
    for element in elements:
        data = element if isinstance(element, bytes) else str(element).encode()
        pieces.append(LENGTH.pack(len(data)))
        pieces.append(data)
    return b"".join(pieces)


def as_bytes(array: Array) -> Array:
    """An array of strings of any kind as one of bytes; str is written as UTF-8."""
    if array.dtype.kind == "O" and set(map(type, array.flat)) <= {bytes}:
        return array
    made = np.empty(array.size, object)
    made[:] = [element if isinstance(element, bytes) else str(element).encode() for element in array.flat]
    return made.reshape(array.shape)


def decode_strings(raw: bytes | memoryview) -> list[bytes]:
    """The elements; raises IncompleteLength or IncompleteString."""
    data, at, end = bytes(raw), 0, len(raw)
    elements = []
    while at < end:
        if end - at < LENGTH.size:
            raise IncompleteLength(end - at)
        (length,) = LENGTH.unpack_from(data, at)
        at += LENGTH.size
        if length > end - at:
            raise IncompleteString(length, end - at)
        elements.append(data[at : at + length])
        at += length
    return elements
