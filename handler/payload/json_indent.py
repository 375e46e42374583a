"""JSON text exactly as `json.dumps(value, indent=2)` writes it, several times as fast.

With an indent the standard library falls back to an encoder in pure Python that yields a string for every token. orjson
writes the same but for very small and very large floats, NaN, other characters than ASCII, and types of its own choice.
Where its text may hold one of them, or a value is of another type, ours writes it, for which a list of numbers is one
join.
"""

import json
from collections.abc import Callable
from json.encoder import encode_basestring_ascii
from typing import Any

import orjson

INFINITY = float("inf")
SCALAR_TYPES = {str, int, float, bool, type(None)}
PLAIN_TYPES = {*SCALAR_TYPES, dict, list}
EXPONENTS = bytes(ord("-") if code in b"123" else code for code in range(256))
"""Translates the beginnings of all exponents that orjson writes ("e-7", "e16" to "e308") to "e-"."""


def dumps(value: Any) -> bytes:
    """The JSON text of a value, ASCII, indented by two spaces; raises the errors of `json.dumps`."""
    try:
        if _is_plain(value) and _is_standard(text := orjson.dumps(value, None, orjson.OPT_INDENT_2)):
            return text
    except (TypeError, RecursionError):  # keys, big integers, lone surrogates, and deep values
        pass
    try:
        return _text(value, "\n").encode()
    except (_UnusualType, RecursionError):
        return json.dumps(value, indent=2).encode()


def dumps_unicode(value: Any) -> bytes:
    """The JSON text in UTF-8, as `json.dumps(value, indent=2, ensure_ascii=False)` writes it; raises its errors.

    Lone surrogates, which UTF-8 cannot hold, become question marks.
    """
    try:
        if _is_plain(value) and _has_standard_numbers(text := orjson.dumps(value, None, orjson.OPT_INDENT_2)):
            return text
    except (TypeError, RecursionError):
        pass
    return json.dumps(value, indent=2, ensure_ascii=False).encode("utf-8", "replace")


def _is_plain(value: Any) -> bool:
    """Whether a value is made of JSON's own types alone: orjson knows others, which the standard library refuses."""
    if type(value) not in (dict, list):
        return type(value) in SCALAR_TYPES
    items = value.values() if type(value) is dict else value
    kinds = set(map(type, items))
    if kinds <= SCALAR_TYPES:
        return True
    return kinds <= PLAIN_TYPES and all(_is_plain(item) for item in items if type(item) not in SCALAR_TYPES)


def _is_standard(text: bytes) -> bool:
    """Whether Python would surely write the same text."""
    return text.isascii() and text.find(b"\x7f") < 0 and _has_standard_numbers(text)


def _has_standard_numbers(text: bytes) -> bool:
    """Whether no number may be NaN or be spelled in another way."""
    return text.find(b"null") < 0 and text.find(b"0.0000") < 0 and text.translate(EXPONENTS).find(b"e-") < 0


class _UnusualType(Exception):
    """A value of a type that only the standard library can write."""


def _text(value: Any, newline: str) -> str:
    write = _WRITERS.get(type(value))
    if write is None:
        raise _UnusualType
    return write(value, newline)


def _list(values: list[Any], newline: str) -> str:
    if not values:
        return "[]"
    inner = newline + "  "
    kinds = set(map(type, values))
    if kinds == {float}:
        items = map(float.__repr__, values)
        text = f",{inner}".join(items)
        if "n" not in text:  # nan and inf are spelled otherwise
            return f"[{inner}{text}{newline}]"
    elif kinds == {int}:
        return f"[{inner}{f',{inner}'.join(map(int.__repr__, values))}{newline}]"
    return f"[{inner}{f',{inner}'.join([_text(value, inner) for value in values])}{newline}]"


def _dict(items: dict[Any, Any], newline: str) -> str:
    if not items:
        return "{}"
    inner = newline + "  "
    if set(map(type, items)) != {str}:
        raise _UnusualType
    pairs = [f"{encode_basestring_ascii(key)}: {_text(value, inner)}" for key, value in items.items()]
    return f"{{{inner}{f',{inner}'.join(pairs)}{newline}}}"


def _float(value: float, newline: str) -> str:
    if value != value or value in (INFINITY, -INFINITY):
        raise _UnusualType
    return float.__repr__(value)


_WRITERS: dict[type, Callable[[Any, str], str]] = {
    str: lambda value, newline: encode_basestring_ascii(value),
    dict: _dict,
    float: _float,
    int: lambda value, newline: int.__repr__(value),
    list: _list,
    tuple: lambda value, newline: _list(list(value), newline),
    bool: lambda value, newline: "true" if value else "false",
    type(None): lambda value, newline: "null",
}
