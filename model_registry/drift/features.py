"""The features of a request or an answer: numbers, words and sizes, by dotted names, a bounded number of them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

Value = float | str
MAX_FEATURES = 64
MAX_DEPTH = 8
MAX_LIST = 16
"""Elements up to which a list of numbers is seen element by element; a longer one by its statistics."""
MAX_WORD_LENGTH = 64
MAX_BODY_BYTES = 1 << 20


def features_of(body: bytes | bytearray, prefix: str) -> dict[str, Value]:
    """The features of a body: its size, and those of its JSON where it is JSON. `prefix` begins their names."""
    found: dict[str, Value] = {f"{prefix}.bytes": float(len(body))}
    if len(body) > MAX_BODY_BYTES:
        return found
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return found
    for name, leaf in _leaves(value, prefix, 0):
        found[name] = leaf
        if len(found) >= MAX_FEATURES:
            break
    return found


def _leaves(value: Any, name: str, depth: int) -> Iterator[tuple[str, Value]]:
    if isinstance(value, bool) or value is None:
        yield name, json.dumps(value)
    elif isinstance(value, int | float):
        yield name, float(value)
    elif isinstance(value, str):
        yield (name, value) if len(value) <= MAX_WORD_LENGTH else (f"{name}.length", float(len(value)))
    elif depth < MAX_DEPTH and isinstance(value, dict):
        yield from _of_object(value, name, depth)
    elif depth < MAX_DEPTH and isinstance(value, list):
        yield from _of_list(value, name, depth)


def _of_object(value: Mapping[str, Any], name: str, depth: int) -> Iterator[tuple[str, Value]]:
    if len(value) > 1 and all(isinstance(one, float) for one in value.values()):
        best = max(value, key=value.__getitem__)  # a classifier's scores: the class, and how sure it is
        yield f"{name}.class", best[:MAX_WORD_LENGTH]
        yield f"{name}.confidence", float(value[best])
        return
    for key, one in value.items():
        yield from _leaves(one, f"{name}.{key}", depth + 1)


def _of_list(value: list[Any], name: str, depth: int) -> Iterator[tuple[str, Value]]:
    yield f"{name}.length", float(len(value))
    array = _as_array(value)
    if array is not None and array.size > MAX_LIST:
        yield f"{name}.mean", float(array.mean())
        yield f"{name}.std", float(array.std())
        yield f"{name}.min", float(array.min())
        yield f"{name}.max", float(array.max())
        return
    for index, one in enumerate(value[:MAX_LIST]):
        yield from _leaves(one, f"{name}.{index}", depth + 1)


def _as_array(value: list[Any]) -> np.ndarray[Any, Any] | None:
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError):  # of unequal lengths
        return None
    return array if array.dtype.kind in "if" and array.size else None
