"""Tolerances: read from JSON and back, and refused with the member that is wrong."""

from typing import Any

import pytest

from model_registry.errors import InvalidTrafficRule
from model_registry.traffic.tolerance import DEFAULT_TOLERANCE, Tolerance, parse_tolerance


def test_every_member_has_a_default() -> None:
    assert parse_tolerance({}, "shadow.tolerance") == DEFAULT_TOLERANCE


def test_a_tolerance_is_read_and_written_back() -> None:
    text = {"relative": 0.1, "absolute": 0.0, "ignored": ["confidence", "scores.*"], "topK": 3}
    tolerance = parse_tolerance(text, "tolerance")
    assert tolerance == Tolerance(0.1, 0.0, frozenset({"confidence", "scores.*"}), 3)
    assert tolerance.to_json() == text


@pytest.mark.parametrize(
    ("text", "member"),
    [
        (None, "tolerance"),
        ({"paths": []}, "tolerance"),
        ({"relative": -1}, "tolerance.relative"),
        ({"absolute": "0"}, "tolerance.absolute"),
        ({"ignored": "confidence"}, "tolerance.ignored"),
        ({"ignored": [""]}, "tolerance.ignored"),
        ({"ignored": ["x"] * 51}, "tolerance.ignored"),
        ({"topK": 1.5}, "tolerance.topK"),
    ],
)
def test_a_wrong_member_is_named(text: Any, member: str) -> None:
    with pytest.raises(InvalidTrafficRule) as raised:
        parse_tolerance(text, "tolerance")
    assert str(raised.value).startswith(f"{member} must be ")
