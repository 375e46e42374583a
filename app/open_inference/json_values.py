"""JSON bodies and their members, with Triton's errors for what is no JSON or of another kind."""

import json
import re
from collections.abc import Mapping
from math import isinf
from typing import Any

import orjson

from app.open_inference.rapidjson import describe_error
from handler.tensors.errors import Code, TensorError

LEADING_NUMBER = re.compile(r"\s*([+-]?[0-9]{1,20})")
UNSIGNED = 2**64
SIGNED = 2**63


def parse_json(body: bytes | bytearray | memoryview) -> Any:
    """The value; NaN and Infinity are numbers. Raises TensorError."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    text = bytes(body).partition(b"\0")[0]  # where RapidJSON sees its end
    try:
        return json.loads(text, parse_float=_finite)
    except (ValueError, RecursionError):
        words = describe_error(text)
        raise internal(f"failed to parse the request JSON buffer: {words}") from None


def _finite(text: str) -> float:
    value = float(text)
    if isinf(value):
        raise ValueError(text)
    return value


def dump_json(value: Any) -> bytes:
    """Compact JSON."""
    return orjson.dumps(value)


def internal(message: str) -> TensorError:
    """The error for JSON of another kind: Triton counts those as its own."""
    return TensorError(message, Code.INTERNAL)


def wrong_kind(name: str, kind: str, wanted: str | None = None) -> TensorError:
    """The error for a member that is not of a kind."""
    return internal(f"Unable to parse '{name}': attempt to access JSON non-{kind} as {wanted or kind}")


def member(values: Any, name: str) -> Any:
    """A member of an object; raises TensorError where it is missing."""
    if not isinstance(values, dict) or name not in values:
        raise internal(f"Unable to parse '{name}': attempt to access non-existing object member '{name}'")
    return values[name]


def string_member(values: Any, name: str) -> str:
    """A member that is a string, up to a first NUL, where C sees its end; raises TensorError."""
    value = member(values, name)
    if not isinstance(value, str):
        raise wrong_kind(name, "string")
    return value.partition("\0")[0] if "\0" in value else value


def array_member(values: Any, name: str) -> list[Any]:
    """A member that is an array; raises TensorError."""
    value = member(values, name)
    if not isinstance(value, list):
        raise wrong_kind(name, "array")
    return value


def is_unsigned(value: Any) -> bool:
    """Whether a value is an integer of 64 bits without a sign."""
    return type(value) is int and 0 <= value < UNSIGNED


def unsigned(value: Any, name: str) -> int:
    """A value that is an unsigned integer; raises TensorError."""
    if not is_unsigned(value):
        raise wrong_kind(name, "unsigned-integer")
    return int(value)


def leading_number(text: str) -> int | None:
    """The integer at the start of a text, as C reads it: what follows does not count. None where there is none."""
    found = LEADING_NUMBER.match(text)
    return int(found[1]) if found else None


def object_or_empty(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A member that is an object, an empty one where it is missing or of another kind."""
    value = values.get(name)
    return value if isinstance(value, dict) else {}
