"""JSON bodies and their members, with Triton's errors for what is no JSON or of another kind."""

import json
from collections.abc import Mapping
from typing import Any

import orjson

from app.open_inference.rapidjson import describe_error
from handler.tensors.errors import Code, TensorError

UNSIGNED = 2**64
SIGNED = 2**63


def parse_json(body: bytes | bytearray | memoryview) -> Any:
    """The value; NaN and Infinity are numbers. Raises TensorError."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(bytes(body))
    except (ValueError, RecursionError):
        words = describe_error(bytes(body))
        raise internal(f"failed to parse the request JSON buffer: {words}") from None


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
    """A member that is a string; raises TensorError."""
    value = member(values, name)
    if not isinstance(value, str):
        raise wrong_kind(name, "string")
    return value


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


def object_or_empty(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A member that is an object, an empty one where it is missing or of another kind."""
    value = values.get(name)
    return value if isinstance(value, dict) else {}
