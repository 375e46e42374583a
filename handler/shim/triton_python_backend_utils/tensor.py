"""Tensors as models see them."""

import numpy as np

from triton_python_backend_utils import dlpack
from triton_python_backend_utils.types import BF16, NUMPY_TO_TRITON_TYPE


class Tensor:
    """A name with an array, or with memory that numpy has no type for."""

    __slots__ = ("_name", "_type", "array")

    def __init__(self, name, numpy_array, _is_bf16=False):
        if _is_bf16:
            self._name, self.array, self._type = name, numpy_array, BF16  # the 16 bits of each element
            return
        array = np.asarray(numpy_array) if not isinstance(numpy_array, np.ndarray) else numpy_array
        number = NUMPY_TO_TRITON_TYPE.get(array.dtype.type)
        if number is None:
            if array.dtype.kind != "U":
                raise TypeError(f"Tensor '{name}': numpy's {array.dtype} is no data type of Triton's")
            number = 13
        self._name = name
        self.array = array
        self._type = number

    def __repr__(self):
        return f"<Tensor {self._name} {self.array.dtype}{list(self.array.shape)}>"

    def name(self):
        return self._name

    def as_numpy(self):
        """The array, which may be written to."""
        if self._type == BF16:
            raise TypeError("numpy has no type for the elements of a BF16 tensor: use to_dlpack()")
        if not self.array.flags.writeable:
            self.array = self.array.copy()  # others may still read what a client or another model gave
        return self.array

    def shape(self):
        return list(self.array.shape)

    def triton_dtype(self):
        return self._type

    def is_cpu(self):
        return True

    def to_dlpack(self):
        """A capsule for one reader."""
        if self._type == BF16:
            return dlpack.capsule_of_bits(self.array)
        return self.as_numpy().__dlpack__()

    @staticmethod
    def from_dlpack(name, tensor):
        """A tensor over the memory of another library's, or of a capsule; what is on a GPU is copied from it."""
        array, is_bf16 = dlpack.array_of(tensor)
        return Tensor(name, array, _is_bf16=is_bf16)

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        return self.to_dlpack()

    def __dlpack_device__(self):
        return (1, 0)
