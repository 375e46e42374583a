"""The elements of tensors in JSON: nested or flat on the way in, flat on the way out."""

from collections.abc import Iterator
from itertools import chain
from math import prod
from typing import Any

import numpy as np

from app.open_inference.json_values import SIGNED, UNSIGNED, internal, wrong_kind
from handler.tensors.datatypes import BF16, BOOL, BY_NAME, BYTES, UNKNOWN, Datatype
from handler.tensors.errors import TensorError
from handler.tensors.tensor import Array, Shape, Tensor

RAW_ONLY = (BY_NAME["FP16"], BF16)
"""Data types that JSON has no form for."""
FLOATS = (BY_NAME["FP32"], BY_NAME["FP64"])


def array_of(data: list[Any], name: str, datatype: Datatype, shape: Shape) -> Array:
    """The elements as an array of that shape; raises TensorError."""
    if datatype in RAW_ONLY:
        raise TensorError(
            f"receiving {datatype.name} data via JSON is not supported. Please use the binary data format for input "
            f"{name}"
        )
    if datatype is UNKNOWN:
        raise TensorError(f"invalid datatype for input {name}")
    elements, count = flat(data), prod(shape)
    if datatype is BYTES:
        return _strings(elements, shape)
    _check_kinds(set(map(type, elements[:count])), datatype)
    if len(elements) != count:
        raise internal("Unable to parse 'data': Shape does not match true shape of 'data' field")
    return _numbers(elements, datatype).reshape(shape)


def flat(data: list[Any]) -> list[Any]:
    """The leaves of lists that may be nested in any way, in their order."""
    while data and all(isinstance(element, list) for element in data):
        data = list(chain.from_iterable(data))
    return list(_leaves(data)) if any(isinstance(element, list) for element in data) else data


def _leaves(data: list[Any]) -> Iterator[Any]:
    stack = [iter(data)]
    while stack:
        for element in stack[-1]:
            if isinstance(element, list):
                stack.append(iter(element))
                break
            yield element
        else:
            stack.pop()


def _check_kinds(kinds: set[type], datatype: Datatype) -> None:
    if datatype is BOOL:
        if not kinds <= {bool}:
            raise wrong_kind("data", "boolean")
    elif datatype in FLOATS:
        if not kinds <= {int, float}:
            raise wrong_kind("data", "number", "double")
    elif not kinds <= {int}:
        raise _not_integer(datatype)


def _not_integer(datatype: Datatype) -> TensorError:
    return wrong_kind("data", "unsigned-integer" if datatype.dtype.kind == "u" else "signed-integer")


def _numbers(elements: list[Any], datatype: Datatype) -> Array:
    """Integers beyond the range of a smaller type wrap around, as they do in Triton."""
    if datatype.dtype.kind not in "iu":
        return np.array(elements, datatype.dtype)
    low, high = (0, UNSIGNED) if datatype.dtype.kind == "u" else (-SIGNED, SIGNED)
    if elements and not (low <= min(elements) and max(elements) < high):
        raise _not_integer(datatype)
    wide = np.uint64 if low == 0 else np.int64
    return np.array(elements, wide).astype(datatype.dtype, copy=False)


def check_strings(elements: list[Any]) -> None:
    """Raise TensorError where an element is no string."""
    if not set(map(type, elements)) <= {str}:
        raise internal("Unable to parse JSON bytes array: attempt to access JSON non-string as string")


def _strings(elements: list[Any], shape: Shape) -> Array:
    check_strings(elements)
    array = np.empty(len(elements), object)
    array[:] = [element.encode("utf-8", "surrogatepass") for element in elements]
    # The number of strings is checked later, in other words than that of numbers.
    return array.reshape(shape) if array.size == prod(shape) else array


def elements_of(tensor: Tensor) -> Any:
    """The elements for JSON: a flat array of numbers that orjson writes, or a list; raises TensorError."""
    if tensor.datatype in RAW_ONLY:
        raise TensorError(
            f"sending {tensor.datatype.name} data via JSON is not supported. "
            "Please use the binary data format for output"
        )
    array = tensor.array.reshape(-1)
    if tensor.datatype is BYTES:
        return [_text(element) for element in array.tolist()]
    if tensor.datatype is BY_NAME["FP32"]:
        return array.astype(np.float64)  # Triton writes the digits of the double that an element becomes
    return np.ascontiguousarray(array)


def _text(element: bytes | str) -> str:
    return element.decode("utf-8", "replace") if isinstance(element, bytes) else str(element)


def is_finite(values: Any) -> bool:
    """Whether JSON proper has a form for all elements."""
    return not isinstance(values, np.ndarray) or values.dtype.kind != "f" or bool(np.isfinite(values).all())
