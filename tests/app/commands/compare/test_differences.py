"""Responses differ in status, headers and body; a path leads into the JSON."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.commands.compare import differences as module
from app.commands.compare.differences import Difference, Rule
from app.commands.http_client import Response

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=20,
)


def answer(body: bytes = b"", status: int = 200, **headers: str) -> Response:
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, body, 0.01)


def differences(one: Response, other: Response, rule: Rule) -> list[Difference]:
    return list(module.differences(one, other, rule))


def json_differences(one: Any, other: Any, tolerance: float = 0.0) -> list[tuple[str, str, str]]:
    """Place and values of each difference of two JSON values."""
    found = differences(answer(json.dumps(one).encode()), answer(json.dumps(other).encode()), Rule(tolerance))
    return [(each.where, each.baseline, each.candidate) for each in found]


def test_status_and_headers_are_compared_by_name() -> None:
    found = differences(
        answer(status=200, content_type="text/plain", x_only="1"), answer(status=503, content_type="x"), Rule()
    )
    assert [(each.where, each.baseline, each.candidate) for each in found] == [
        ("status", "200", "503"),
        ("header content-type", "text/plain", "x"),
        ("header x-only", "1", "(none)"),
    ]


def test_headers_that_always_differ_and_ignored_ones_are_passed_over() -> None:
    one = answer(x_request_id="1", date="today", connection="close", x_mine="1")
    other = answer(x_request_id="2", server="other", x_mine="2")
    assert [each.where for each in differences(one, other, Rule())] == ["header x-mine"]
    assert differences(one, other, Rule(ignored=Rule().ignored | {"x-mine"})) == []


def test_json_is_compared_by_value() -> None:
    assert differences(answer(b'{"a": 1, "b": 2.0}'), answer(b'{"b":2,"a":1.0}'), Rule()) == []


def test_a_path_leads_to_each_difference() -> None:
    one = {"rows": [{"label": "cat", "score": 0.5}, {"label": "dog"}], "odd key": None, "gone": 1}
    other = {"rows": [{"label": "cow", "score": 0.5}, {"label": "dog"}, 3], "odd key": False, "new": 2}
    assert json_differences(one, other) == [
        ("$.rows length", "2", "3"),
        ("$.rows[0].label", '"cat"', '"cow"'),
        ('$["odd key"]', "null", "false"),
        ("$.gone", "1", "(none)"),
        ("$.new", "(none)", "2"),
    ]


@pytest.mark.parametrize(
    ("one", "other", "tolerance", "same"),
    [
        (1.0, 1.0000001, 0.0, False),
        (1.0, 1.0000001, 1e-6, True),
        (1e9, 1e9 + 1, 1e-6, True),  # of them
        (0.0, 1e-7, 1e-6, True),  # absolute
        (1.0, 1.1, 1e-6, False),
        (float("nan"), float("nan"), 0.0, True),
        (float("nan"), 1.0, 1.0, False),
        (10**400, 10**400 + 1, 1e-3, False),
        (1, True, 1.0, False),
        (1, "1", 1.0, False),
    ],
)
def test_numbers_agree_within_a_tolerance(one: Any, other: Any, tolerance: float, same: bool) -> None:
    assert (json_differences([one], [other], tolerance) == []) is same


def test_a_difference_of_numbers_has_their_distance() -> None:
    found = differences(answer(b"[0.5, 1e999, 1]"), answer(b"[0.75, 1, null]"), Rule())
    assert [each.gap for each in found] == [0.25, None, None]


@given(JSON_VALUES)
def test_a_value_never_differs_from_itself(value: Any) -> None:
    assert json_differences(value, value) == []


@given(JSON_VALUES, JSON_VALUES)
def test_differences_are_symmetric(one: Any, other: Any) -> None:
    there, back = (sorted(where for where, _, _ in json_differences(*pair)) for pair in ((one, other), (other, one)))
    assert there == back


def test_strings_differ_in_a_line_and_bytes_at_an_index() -> None:
    (lines,) = differences(answer(b"one\ntwo\nend"), answer(b"one\ntoo\nend"), Rule())
    assert (lines.where, lines.baseline, lines.candidate) == ("body, line 2", r"'two\n'", r"'too\n'")
    (shorter,) = differences(answer(b"one\ntwo\n"), answer(b"one\n"), Rule())
    assert (shorter.where, shorter.candidate) == ("body, line 2", "(none)")
    (raw,) = differences(answer(b"\xff\x00\x01"), answer(b"\xff\x00"), Rule())
    assert (raw.where, raw.baseline, raw.candidate) == ("body, byte 2", "01 (of 3 bytes)", "the end (of 2 bytes)")


def test_an_empty_body_differs_from_json() -> None:
    (found,) = differences(answer(b""), answer(b"{}"), Rule())
    assert (found.where, found.baseline, found.candidate) == ("body, line 1", "(none)", "'{}'")


def test_long_values_are_cut() -> None:
    ((_, baseline, _),) = json_differences("x" * 500, "y")
    assert baseline.endswith("... (502 characters)")
