"""The comparison of two answers to one request: status, and JSON by value with tolerances, or bytes."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isclose, isnan
from typing import Any

from model_registry.traffic.tolerance import Tolerance

MAX_DIFFERENCES = 20
MAX_JSON_BYTES = 64 << 10
"""Larger bodies are compared by their bytes: reading them would hold the event loop up."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A place in the answers, and both values there."""

    path: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class Response:
    """The parts of an answer that are compared."""

    status: int
    body: bytes


def compare(old: Response, new: Response, tolerance: Tolerance) -> list[Difference]:
    """The differences, at most MAX_DIFFERENCES of them; none where the answers agree."""
    if old.status != new.status:
        return [Difference("status", old.status, new.status)]
    if old.body == new.body:
        return []
    if max(len(old.body), len(new.body)) > MAX_JSON_BYTES:
        return [Difference("body", f"{len(old.body)} bytes", f"{len(new.body)} bytes")]
    try:
        values = json.loads(old.body), json.loads(new.body)
    except (ValueError, RecursionError):
        return [Difference("body", f"{len(old.body)} bytes", f"{len(new.body)} bytes")]
    found = []
    for difference in _differences(*values, "", tolerance):
        found.append(difference)
        if len(found) == MAX_DIFFERENCES:
            break
    return found


def _differences(old: Any, new: Any, path: str, tolerance: Tolerance) -> Iterator[Difference]:
    if _is_ignored(path, tolerance.ignored):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _of_objects(old, new, path, tolerance)
    elif isinstance(old, list) and isinstance(new, list):
        if tolerance.top_k:
            old, new = old[: tolerance.top_k], new[: tolerance.top_k]
        if len(old) != len(new):
            yield Difference(path, f"{len(old)} elements", f"{len(new)} elements")
            return
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _differences(one, other, _joined(path, index), tolerance)
    elif not _is_equal(old, new, tolerance):
        yield Difference(path, old, new)


def _of_objects(
    old: Mapping[str, Any], new: Mapping[str, Any], path: str, tolerance: Tolerance
) -> Iterator[Difference]:
    if tolerance.top_k and _are_scores(old) and _are_scores(new):
        ranks = [sorted(scores, key=scores.__getitem__, reverse=True)[: tolerance.top_k] for scores in (old, new)]
        if ranks[0] != ranks[1]:
            yield Difference(path, *ranks)
        return
    for name in [*old, *(name for name in new if name not in old)]:
        place = _joined(path, name)
        if name in old and name in new:
            yield from _differences(old[name], new[name], place, tolerance)
        elif not _is_ignored(place, tolerance.ignored):
            yield Difference(place, old.get(name, "missing"), new.get(name, "missing"))


def _are_scores(value: Mapping[str, Any]) -> bool:
    return len(value) > 1 and all(isinstance(one, int | float) for one in value.values())


def _is_equal(old: Any, new: Any, tolerance: Tolerance) -> bool:
    numbers = [isinstance(value, int | float) and not isinstance(value, bool) for value in (old, new)]
    if not all(numbers):
        return type(old) is type(new) and bool(old == new)
    if isnan(old) or isnan(new):
        return isnan(old) and isnan(new)
    return isclose(old, new, rel_tol=tolerance.relative, abs_tol=tolerance.absolute)


def _joined(path: str, name: object) -> str:
    return f"{path}.{name}" if path else str(name)


def _is_ignored(path: str, patterns: frozenset[str]) -> bool:
    if not patterns or not path:
        return False
    if path in patterns:
        return True
    names = path.split(".")
    return any(_fits(names, pattern.split(".")) for pattern in patterns if "*" in pattern)


def _fits(names: list[str], pattern: list[str]) -> bool:
    return len(names) == len(pattern) and all(
        wanted in ("*", name) for name, wanted in zip(names, pattern, strict=True)
    )
