"""Differences of two servers' responses to one request: in status, headers and body, with a path into the JSON."""

import json
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from app.commands.http_client import Response

ALWAYS_DIFFERENT = frozenset(
    {"x-request-id", "date", "server", "connection", "keep-alive", "content-length", "x-marserve-reason"}
)
"""Headers that are new in every response, or about the connection, and so say nothing about what clients get."""
MISSING = "(none)"
_MAX_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same; `where` is "status", "header NAME", "$.path.in[0].json" or a place in a body."""

    where: str
    baseline: str
    candidate: str
    gap: float | None = None
    """The distance of two numbers."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Numbers within `tolerance`, absolute or relative, are the same; headers in `ignored` are not compared."""

    tolerance: float = 0.0
    ignored: frozenset[str] = ALWAYS_DIFFERENT

    def same_number(self, one: float, other: float) -> bool:
        """Whether two numbers of a JSON text agree; NaN agrees with itself."""
        if one == other or (one != one and other != other):
            return True
        try:
            return math.isclose(one, other, rel_tol=self.tolerance, abs_tol=self.tolerance)
        except OverflowError:  # an integer beyond all floats
            return False


def differences(one: Response, other: Response, rule: Rule) -> Iterator[Difference]:
    """All differences of two responses, the status first."""
    if one.status != other.status:
        yield Difference("status", str(one.status), str(other.status))
    yield from _in_headers(one.headers, other.headers, rule.ignored)
    if one.body != other.body:
        yield from _in_bodies(one.body, other.body, rule)


def _in_headers(one: Mapping[str, str], other: Mapping[str, str], ignored: Collection[str]) -> Iterator[Difference]:
    for name in sorted((one.keys() | other.keys()) - set(ignored)):
        if one.get(name) != other.get(name):
            yield Difference(f"header {name}", one.get(name, MISSING), other.get(name, MISSING))


def _in_bodies(one: bytes, other: bytes, rule: Rule) -> Iterator[Difference]:
    """By value where both are JSON, else by the first line or byte that is not the same."""
    try:
        yield from _in_values("$", json.loads(one), json.loads(other), rule)
        return
    except (ValueError, RecursionError):
        pass
    try:
        yield _in_lines(one.decode(), other.decode())
    except UnicodeDecodeError:
        yield _in_bytes(one, other)


def _in_values(path: str, one: Any, other: Any, rule: Rule) -> Iterator[Difference]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in dict.fromkeys([*one, *other]):
            step = f".{key}" if key.isidentifier() else f"[{json.dumps(key, ensure_ascii=False)}]"
            yield from _in_member(f"{path}{step}", key, one, other, rule)
    elif isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            yield Difference(f"{path} length", str(len(one)), str(len(other)))
        for index, (left, right) in enumerate(zip(one, other, strict=False)):
            yield from _in_values(f"{path}[{index}]", left, right, rule)
    elif _are_numbers(one, other):
        if not rule.same_number(one, other):
            yield Difference(path, _shown(one), _shown(other), _gap(one, other))
    elif type(one) is not type(other) or one != other:
        yield Difference(path, _shown(one), _shown(other))


def _in_member(path: str, key: str, one: dict[str, Any], other: dict[str, Any], rule: Rule) -> Iterator[Difference]:
    if key in one and key in other:
        yield from _in_values(path, one[key], other[key], rule)
    else:
        left, right = (_shown(each[key]) if key in each else MISSING for each in (one, other))
        yield Difference(path, left, right)


def _are_numbers(*values: Any) -> bool:
    return all(type(value) in (int, float) for value in values)  # a bool is none


def _gap(one: float, other: float) -> float | None:
    try:
        gap = abs(float(one) - float(other))
    except OverflowError:
        return None
    return gap if math.isfinite(gap) else None


def _in_lines(one: str, other: str) -> Difference:
    lines: Iterator[tuple[str | None, str | None]] = zip_longest(one.splitlines(True), other.splitlines(True))
    number, (left, right) = next((number, pair) for number, pair in enumerate(lines, 1) if pair[0] != pair[1])
    return Difference(f"body, line {number}", _line(left), _line(right))


def _line(line: str | None) -> str:
    return MISSING if line is None else _cut(repr(line))


def _in_bytes(one: bytes, other: bytes) -> Difference:
    pairs = enumerate(zip(one, other, strict=False))
    first = next((place for place, (left, right) in pairs if left != right), min(len(one), len(other)))
    return Difference(f"body, byte {first}", _window(one, first), _window(other, first))


def _window(body: bytes, first: int) -> str:
    return f"{body[first : first + 8].hex(' ') or 'the end'} (of {len(body)} bytes)"


def _shown(value: Any) -> str:
    return _cut(json.dumps(value, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_CHARACTERS else f"{text[:_MAX_CHARACTERS]}... ({len(text)} characters)"
