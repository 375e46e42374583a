"""Compares answers with the recorded ones: ids and times differ, and null is as good as nothing."""

import re
from typing import Any

VARYING = {
    "<uuid>": re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"),
    "<time>": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"),
}
OPTIONAL = ("model_version", "versions")
"""The recorded server leaves them out, or empty; one that names them does no harm."""


def normalized(value: Any) -> Any:
    """A value without what differs in every run."""
    if isinstance(value, dict):
        return {key: normalized(each) for key, each in value.items()}
    if isinstance(value, list):
        return [normalized(each) for each in value]
    if isinstance(value, str):
        for word, pattern in VARYING.items():
            value = pattern.sub(word, value)
    return value


def agrees(recorded: Any, found: Any) -> bool:
    """Whether an answer is as recorded: whole objects and lists, numbers as close as a float of 32 bits is."""
    if isinstance(recorded, dict) and isinstance(found, dict):
        silent = {key for key in OPTIONAL if not recorded.get(key)}
        return all(agrees(recorded.get(key), found.get(key)) for key in (recorded.keys() | found.keys()) - silent)
    if isinstance(recorded, list) and isinstance(found, list):
        return len(recorded) == len(found) and all(map(agrees, recorded, found))
    if isinstance(recorded, bool) or isinstance(found, bool) or not isinstance(recorded, int | float):
        return bool(recorded == found)
    return isinstance(found, int | float) and abs(recorded - found) <= 1e-5 * max(1, abs(recorded))


def is_as_good(case: dict[str, Any], profile: str, found: dict[str, Any]) -> bool:
    """Whether an answer is the recorded one of a profile, or one of those that are as good."""
    recorded = case["answer"] if "answer" in case else case["answers"][profile]
    return any(
        all(agrees(expected, found.get(part)) for part, expected in wanted.items())
        for wanted in (recorded, *case.get("or", ()))
    )
