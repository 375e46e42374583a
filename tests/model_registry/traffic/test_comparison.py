"""Two answers to one request agree by value, within tolerances, or differ at named places."""

import json
from typing import Any

import pytest

from model_registry.traffic.comparison import MAX_DIFFERENCES, MAX_JSON_BYTES, Response, compare
from model_registry.traffic.tolerance import Tolerance


def paths(old: Any, new: Any, **tolerance: Any) -> list[str]:
    tolerated = Tolerance(**tolerance)
    responses = (Response(200, json.dumps(value).encode()) for value in (old, new))
    return [difference.path for difference in compare(*responses, tolerated)]


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ({"a": 1, "b": [1.0, 2.0]}, {"b": [1.0, 2.0000001], "a": 1}, []),
        ({"a": 1.0}, {"a": 1}, []),
        ({"a": 1.0}, {"a": 1.1}, ["a"]),
        ({"a": True}, {"a": 1}, ["a"]),
        ({"a": [1, 2]}, {"a": [1, 2, 3]}, ["a"]),
        ({"a": {"b": "x"}}, {"a": {"b": "y"}}, ["a.b"]),
        ({"a": 1}, {"c": 1}, ["a", "c"]),
        ([{"a": 1}, {"a": 2}], [{"a": 1}, {"a": 3}], ["1.a"]),
        (float("nan"), float("nan"), []),
        (1, "1", [""]),
    ],
)
def test_values_are_compared(old: Any, new: Any, found: list[str]) -> None:
    assert paths(old, new) == found


def test_ignored_paths_do_not_count() -> None:
    old, new = {"id": 1, "items": [{"t": 1, "v": 1}]}, {"id": 2, "items": [{"t": 2, "v": 1}]}
    assert paths(old, new, ignored=frozenset({"id", "items.*.t"})) == []
    assert paths(old, new, ignored=frozenset({"items.t"})) == ["id", "items.0.t"]


def test_of_scores_only_the_first_ranks_count() -> None:
    old, new = {"cat": 0.7, "dog": 0.2, "cow": 0.1}, {"cat": 0.6, "dog": 0.1, "cow": 0.3}
    assert paths(old, new, top_k=1) == []
    assert paths(old, new, top_k=2) == [""]
    assert paths(["cat", "dog"], ["cat", "cow"], top_k=1) == []


def test_statuses_and_bytes() -> None:
    tolerance = Tolerance()
    assert compare(Response(200, b"x"), Response(503, b"x"), tolerance)[0].path == "status"
    assert compare(Response(200, b"\xff"), Response(200, b"\xff"), tolerance) == []
    assert compare(Response(200, b"\xff"), Response(200, b"\xfe"), tolerance)[0].path == "body"
    deep = b"[" * 20_000
    assert compare(Response(200, deep), Response(200, deep + b" "), tolerance)[0].path == "body"
    large = json.dumps(["x" * MAX_JSON_BYTES]).encode()
    assert compare(Response(200, large), Response(200, large + b" "), tolerance)[0].path == "body"


def test_the_list_of_differences_is_bounded() -> None:
    assert len(paths(list(range(100)), list(range(100, 200)))) == MAX_DIFFERENCES
