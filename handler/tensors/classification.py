"""The classification extension: an output becomes the names of its largest elements."""

from collections.abc import Sequence

import numpy as np

from handler.tensors.datatypes import BYTES
from handler.tensors.tensor import Array, Tensor


def classified(tensor: Tensor, classes: int, labels: Sequence[str], *, has_batch: bool) -> Tensor:
    """The `classes` largest elements of each row, largest first, as "VALUE:INDEX:LABEL"; equal ones by their index."""
    rows = tensor.array.reshape(tensor.shape[0], -1) if has_batch and tensor.shape else tensor.array.reshape(1, -1)
    texts = [text for row in rows for text in _largest(row, classes, labels)]
    shape = (len(rows), len(texts) // max(1, len(rows))) if has_batch else (len(texts),)
    array = np.empty(len(texts), object)
    array[:] = texts
    return Tensor.of_array(tensor.name, BYTES, array.reshape(shape))


def _largest(row: Array, classes: int, labels: Sequence[str]) -> list[bytes]:
    order = np.argsort(_descending(row), kind="stable")[:classes]
    return [_text(row[index], int(index), labels) for index in order]


def _descending(row: Array) -> Array:
    """Keys that sort the largest element first, whatever its type; unsigned numbers cannot be negated."""
    if row.dtype.kind in "ub":
        return np.iinfo(np.uint64).max - row.astype(np.uint64)
    if row.dtype == np.int64:
        return np.iinfo(np.int64).max - row.astype(object)
    keys: Array = -row.astype(np.float64)
    return keys


def _text(value: np.generic, index: int, labels: Sequence[str]) -> bytes:
    shown = f"{value:f}" if isinstance(value, np.floating) else str(int(value))
    label = labels[index] if index < len(labels) else ""
    return (f"{shown}:{index}:{label}" if label else f"{shown}:{index}").encode()
