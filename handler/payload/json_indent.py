"""JSON text exactly as `json.dumps(value, indent=2)` writes it, several times as fast.

With an indent the standard library falls back to an encoder in pure Python that yields a string for every token. orjson
writes the same but for very small and very large floats, NaN, what is not ASCII, and types of its own choice. Where its
text may hold one of them, or a value is of another type, ours writes it, for which a list of numbers is one join.
"""

import json
from collections.abc import Callable
from json.encoder import encode_basestring_ascii
from typing import Any

import orjson

INFINITY = float("inf")
SCALARS = {str, int, float, bool, type(None)}
PLAIN = {*SCALARS, dict, list}
EXPONENTS = bytes(ord("-") if code in b"123" else code for code in range(256))
"""Makes an exponent's beginning "e-" of all that orjson writes: "e-7", "e16" to "e308"."""


def dumps(value: Any) -> bytes:
    """The JSON text of a value, ASCII, indented by two blanks; raises what `json.dumps` raises."""
    try:
        if _is_plain(value) and _is_sure(text := orjson.dumps(value, None, orjson.OPT_INDENT_2)):
            return text
    except (TypeError, RecursionError):  # of keys, big integers, lone surrogates, and what is too deep
        pass
    try:
        return _text(value, "\n").encode()
    except (_Unusual, RecursionError):
        return json.dumps(value, indent=2).encode()


def _is_plain(value: Any) -> bool:
    """Whether it is made of JSON's own types alone: orjson knows others, which the standard library refuses."""
    if type(value) not in (dict, list):
        return type(value) in SCALARS
    items = value.values() if type(value) is dict else value
    kinds = set(map(type, items))
    if kinds <= SCALARS:
        return True
    return kinds <= PLAIN and all(_is_plain(item) for item in items if type(item) not in SCALARS)


def _is_sure(text: bytes) -> bool:
    """Whether orjson's text holds nothing that Python may write otherwise."""
    if not text.isascii() or text.find(b"\x7f") >= 0 or text.find(b"null") >= 0 or text.find(b"0.0000") >= 0:
        return False
    return text.translate(EXPONENTS).find(b"e-") < 0


class _Unusual(Exception):
    """A value of a type that only the standard library knows what to do with."""


def _text(value: Any, newline: str) -> str:
    write = _WRITERS.get(type(value))
    if write is None:
        raise _Unusual
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
    pairs = [f"{_key(key)}: {_text(value, inner)}" for key, value in items.items()]
    return f"{{{inner}{f',{inner}'.join(pairs)}{newline}}}"


def _key(key: Any) -> str:
    if type(key) is not str:
        raise _Unusual
    return encode_basestring_ascii(key)


def _float(value: float, newline: str) -> str:
    if value != value or value in (INFINITY, -INFINITY):
        raise _Unusual
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
