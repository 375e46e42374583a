"""The data types of tensors: their names in requests and in configurations, and numpy's."""

from typing import Any, NamedTuple

import numpy as np


class Datatype(NamedTuple):
    """One data type."""

    name: str
    """In requests and metadata: "FP32"."""
    config_name: str
    """In a model's configuration: "TYPE_FP32"."""
    dtype: np.dtype[Any]
    """The type of its arrays; BF16, which numpy has not, is held as its 16 bits, BYTES as objects of type bytes."""
    size: int
    """Bytes of one element; 0 for BYTES, whose elements have lengths of their own."""

    def __repr__(self) -> str:
        return f"<Datatype {self.name}>"


def _fixed(name: str, numpy_name: str) -> Datatype:
    dtype = np.dtype(numpy_name)
    return Datatype(name, f"TYPE_{name}", dtype, dtype.itemsize)


BYTES = Datatype("BYTES", "TYPE_STRING", np.dtype(object), 0)
BF16 = _fixed("BF16", "<u2")
BOOL = _fixed("BOOL", "?")
UNKNOWN = Datatype("<invalid>", "TYPE_INVALID", np.dtype("u1"), 1)
"""Stands for a name that is none."""
_TYPES = (
    BOOL, _fixed("UINT8", "u1"), _fixed("UINT16", "<u2"), _fixed("UINT32", "<u4"), _fixed("UINT64", "<u8"),
    _fixed("INT8", "i1"), _fixed("INT16", "<i2"), _fixed("INT32", "<i4"), _fixed("INT64", "<i8"),
    _fixed("FP16", "<f2"), _fixed("FP32", "<f4"), _fixed("FP64", "<f8"), BYTES, BF16,
)  # fmt: skip

BY_NAME = {datatype.name: datatype for datatype in _TYPES}
BY_CONFIG_NAME = {datatype.config_name: datatype for datatype in _TYPES}
BY_DTYPE = {datatype.dtype: datatype for datatype in _TYPES if datatype is not BF16}


def datatype_of(dtype: np.dtype[Any]) -> Datatype | None:
    """The data type of a numpy array, None where there is none: strings of any kind are BYTES."""
    if dtype.kind in "OSU":
        return BYTES
    return BY_DTYPE.get(dtype if dtype.isnative else dtype.newbyteorder("="))
