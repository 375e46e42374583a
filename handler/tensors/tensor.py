"""A named tensor between the wire and a model: as bytes, as an array, or as both; a copy is made only where it must."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from handler.tensors.datatypes import BYTES, Datatype
from handler.tensors.strings import decode_strings, encode_strings

Array = np.ndarray[Any, np.dtype[Any]]
Shape = tuple[int, ...]
Raw = bytes | bytearray | memoryview


class Tensor:
    """Holds its elements in the form in which they came, and makes the other one when it is first asked for.

    `raw` holds them row by row, lowest byte first, BYTES as in `strings`; `array` has the shape of the tensor and is
    read-only where it is a view of what a client sent. Neither is changed once it is there.
    """

    __slots__ = ("_array", "_raw", "datatype", "name", "shape")

    def __init__(
        self, name: str, datatype: Datatype, shape: Sequence[int], *, array: Array | None = None, raw: Raw | None = None
    ) -> None:
        self.name = name
        self.datatype = datatype
        self.shape: Shape = tuple(shape)
        self._array = array
        self._raw = raw

    def __repr__(self) -> str:
        return f"<Tensor {self.name} {self.datatype.name}{list(self.shape)}>"

    @classmethod
    def of_array(cls, name: str, datatype: Datatype, array: Array) -> "Tensor":
        """A tensor with the shape and the elements of an array."""
        return cls(name, datatype, array.shape, array=array)

    @property
    def count(self) -> int:
        """The number of elements by its shape."""
        return prod(self.shape)

    @property
    def byte_size(self) -> int:
        """The bytes of its elements, whatever its shape says."""
        if self._raw is not None:
            return memoryview(self._raw).nbytes
        return len(self.raw) if self.datatype is BYTES else self.array.size * self.datatype.size

    @property
    def string_count(self) -> int:
        """The number of elements of a BYTES tensor, whatever its shape says; raises the errors of `decode_strings`."""
        if self._array is None:
            assert self._raw is not None
            array = _strings(self._raw)
            if array.size != self.count:
                return array.size
            self._array = array.reshape(self.shape)
        return self._array.size

    @property
    def array(self) -> Array:
        """The elements as numpy's; raises the errors of `decode_strings`, and ValueError for a wrong shape."""
        if self._array is None:
            assert self._raw is not None
            self._array = self._decode(self._raw)
        return self._array

    @property
    def raw(self) -> Raw:
        """The elements as bytes: a view of the array where its memory is in order."""
        if self._raw is None:
            assert self._array is not None
            self._raw = self._encode(self._array)
        return self._raw

    def renamed(self, name: str) -> "Tensor":
        """The same elements under another name."""
        return Tensor(name, self.datatype, self.shape, array=self._array, raw=self._raw)

    def reshaped(self, shape: Sequence[int]) -> "Tensor":
        """The same elements in another shape of as many."""
        array = None if self._array is None else self._array.reshape(shape)
        return Tensor(self.name, self.datatype, shape, array=array, raw=self._raw)

    def read_only(self) -> "Tensor":
        """The same elements, for readers that must not change them for each other."""
        if self._array is None or not self._array.flags.writeable:
            return self
        view = self._array.view()
        view.flags.writeable = False
        return Tensor(self.name, self.datatype, self.shape, array=view, raw=self._raw)

    def _decode(self, raw: Raw) -> Array:
        array = _strings(raw) if self.datatype is BYTES else np.frombuffer(raw, self.datatype.dtype)
        return array.reshape(self.shape)

    def _encode(self, array: Array) -> Raw:
        if self.datatype is BYTES:
            return encode_strings(array.ravel().tolist())
        if not array.flags.c_contiguous or array.dtype != self.datatype.dtype:
            array = np.ascontiguousarray(array, self.datatype.dtype)
        flat: Any = array.reshape(-1)
        return memoryview(flat).cast("B") if array.size else b""


def _strings(raw: Raw) -> Array:
    elements = decode_strings(memoryview(raw))
    array = np.empty(len(elements), object)
    array[:] = elements
    return array
