"""A small language for the shape of a parsed document, and what is wrong with one."""

from collections.abc import Callable, Iterator
from typing import Any

Shape = Any
"""A type; a set of allowed values; a function that checks; a list with the shape of its items; a map of shapes, where
"key?" may be missing and "*" stands for any key."""


def faults(value: Any, shape: Shape, place: str = "") -> Iterator[str]:
    """Where a parsed document is not of the shape that its platform reads; unknown keys are faults."""
    if isinstance(shape, dict):
        yield from _map_faults(value, shape, place)
    elif isinstance(shape, list):
        for number, item in enumerate(value if isinstance(value, list) else [value]):
            yield from faults(item, shape[0], f"{place}[{number}]")
    elif isinstance(shape, set | frozenset):
        yield from () if value in shape else (f"{place}: {value!r}",)
    elif not (isinstance(value, shape) if isinstance(shape, type) else shape(value)):
        yield f"{place}: {value!r}"


def _map_faults(value: Any, shape: dict[str, Shape], place: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{place}: {value!r} is no map"
        return
    known = {key.removesuffix("?"): inner for key, inner in shape.items()}
    yield from (
        f"{place}: {key} is missing" for key in shape if key != "*" and not key.endswith("?") and key not in value
    )
    for key, item in value.items():
        if key in known or "*" in known:
            yield from faults(item, known.get(key, known.get("*")), f"{place}.{key}")
        else:
            yield f"{place}: {key} is unknown"


def quantity(value: Any) -> bool:
    """A Kubernetes quantity such as "2", "500m" or "2Gi"."""
    return isinstance(value, str) and value.rstrip("KMGTim").isdigit()


def at_most(limit: int) -> Callable[[Any], bool]:
    """A whole number from 1 to `limit`."""
    return lambda value: type(value) is int and 0 < value <= limit
