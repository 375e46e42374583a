"""Compares an answer with the recorded one."""

import json
import math
import re
from collections.abc import Sequence
from typing import Any

from tests.conformance.triton.recording import Answer, Step

TOLERANCE = 1e-4
LONGEST = 400


def compare(step: Step, answer: Answer) -> str | None:
    """The first difference of an answer, None where there is none. A step with `subset` names only a part of it."""
    if not step.get("subset"):
        return difference(step["expect"], answer, step.get("ignore", ()))
    return None if holds(step["expect"], answer) else f"wanted {short(step['expect'])}, got {short(answer)}"


def holds(wanted: Any, answer: Any) -> bool:
    """Whether an answer contains all that is wanted."""
    if isinstance(wanted, dict):
        return isinstance(answer, dict) and all(
            key in answer and holds(value, answer[key]) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(answer, list) and len(wanted) == len(answer) and all(map(holds, wanted, answer))
    return bool(wanted == answer)


def difference(wanted: Any, answer: Any, ignore: Sequence[str] = (), at: str = "$") -> str | None:
    """The place where two values first differ. `ignore` are patterns of places that may."""
    if _is_ignored(at, ignore):
        return None
    if isinstance(wanted, dict) and isinstance(answer, dict):
        return _of_objects(wanted, answer, ignore, at)
    if isinstance(wanted, list) and isinstance(answer, list):
        if len(wanted) != len(answer):
            return f"{at}: wanted {len(wanted)} elements, got {short(answer)}"
        pairs = enumerate(zip(wanted, answer, strict=True))
        return _first(difference(one, other, ignore, f"{at}[{index}]") for index, (one, other) in pairs)
    return None if _are_equal(wanted, answer) else f"{at}: wanted {short(wanted)}, got {short(answer)}"


def short(value: Any) -> str:
    """A value as JSON, cut."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _of_objects(wanted: dict[str, Any], answer: dict[str, Any], ignore: Sequence[str], at: str) -> str | None:
    expected, found = ({key for key in values if not _is_ignored(f"{at}.{key}", ignore)} for values in (wanted, answer))
    if expected != found:
        return f"{at}: missing {sorted(expected - found)}, extra {sorted(found - expected)} in {short(answer)}"
    return _first(difference(wanted[key], answer[key], ignore, f"{at}.{key}") for key in wanted if key in expected)


def _first(differences: Any) -> str | None:
    return next((each for each in differences if each), None)


def _are_equal(wanted: Any, answer: Any) -> bool:
    if _is_number(wanted) and _is_number(answer):
        close = math.isclose(wanted, answer, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
        return close or (math.isnan(wanted) and math.isnan(answer))
    return type(wanted) is type(answer) and wanted == answer


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_ignored(at: str, ignore: Sequence[str]) -> bool:
    return any(re.fullmatch(pattern, at) for pattern in ignore)
