"""Values from text: how configuration, YAML files and request parameters become integers, booleans and choices.

Each function returns the value or raises a ValueError whose message is a noun phrase for what was expected.
"""

import re
from typing import cast

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)


def parse_int(value: object, minimum: float = -float("inf"), maximum: float = float("inf")) -> int:
    """An integer within the bounds: a number without a fraction, or its decimal digits with or without a sign."""
    is_text = isinstance(value, str) and _INTEGER.fullmatch(value)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and value % 1 == 0
    if not (is_text or is_number):
        raise ValueError("a whole number")
    return require_int(int(cast("str | float", value)), minimum, maximum)


def require_int(value: object, minimum: float = INT32_MIN, maximum: float = INT32_MAX) -> int:
    """The value itself if it is an integer within the bounds; no text stands for one."""
    if type(value) is not int:
        raise ValueError("a whole number")
    if value < minimum:
        raise ValueError(f"a number not below {minimum}")
    if value > maximum:
        raise ValueError(f"a number not above {maximum}")
    return value


def parse_float(
    value: object, *, minimum: float | None = None, above: float | None = None, maximum: float = INT32_MAX
) -> float:
    """A number that is at least `minimum`, or greater than `above`, and at most `maximum`."""
    try:
        number = float(str(value))
    except ValueError:
        raise ValueError("a number") from None
    if minimum is not None and not number >= minimum:  # NaN is no such number either
        raise ValueError(f"a number not below {minimum}")
    if above is not None and not number > above:
        raise ValueError(f"a number above {above}")
    if number > maximum:
        raise ValueError(f"a number not above {maximum}")
    return number


def parse_bool(value: object) -> bool:
    """`true` or `false` in any case. Java takes every other word as false, which is never what was meant."""
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return require_bool(value)


def require_bool(value: object) -> bool:
    """The value itself if it is a boolean; no text stands for one."""
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def parse_choice(value: object, *choices: str) -> str:
    """One of the choices, which are lower case, written in any case."""
    word = value.lower() if isinstance(value, str) else None
    if word not in choices:
        *others, last = map(repr, choices)
        raise ValueError(f"{', '.join(others)} or {last}")
    return word
