"""The features of bodies: leaves of JSON by name, long lists by their statistics, a bounded number."""

import json
from typing import Any

import pytest

from model_registry.drift.features import MAX_FEATURES, features_of


def features(value: Any) -> dict[str, float | str]:
    found = features_of(json.dumps(value).encode(), "in")
    found.pop("in.bytes")
    return found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"age": 7, "who": {"name": "x"}}, {"in.age": 7.0, "in.who.name": "x"}),
        (True, {"in": "true"}),
        (None, {"in": "null"}),
        ([1, 2], {"in.length": 2.0, "in.0": 1.0, "in.1": 2.0}),
        ({"cat": 0.9, "dog": 0.1}, {"in.class": "cat", "in.confidence": 0.9}),
        ("y" * 100, {"in.length": 100.0}),
    ],
)
def test_leaves(value: Any, found: dict[str, Any]) -> None:
    assert features(value) == found


def test_long_lists_and_tensors_are_seen_by_their_statistics() -> None:
    found = features([[0.0, 1.0]] * 50)
    assert (found["in.length"], found["in.mean"], found["in.max"]) == (50.0, 0.5, 1.0)


@pytest.mark.parametrize("body", [b"\xff\x00", b"[" * 100_000, b"", b"x" * (2 << 20)])
def test_everything_has_a_size(body: bytes) -> None:
    assert features_of(body, "in") == {"in.bytes": float(len(body))}


def test_the_number_of_features_is_bounded() -> None:
    assert len(features_of(json.dumps({f"f{n}": str(n) for n in range(500)}).encode(), "in")) == MAX_FEATURES
