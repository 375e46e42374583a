"""Traffic rules: read from JSON and back, and refused with the member that is wrong."""

from typing import Any

import pytest

from model_registry.errors import InvalidTrafficRule, VersionNotLoaded
from model_registry.traffic.rules import Condition, Key, Shadow, parse_rules

FULL = {
    "weights": {"1.0": 95.0, "2.0": 5.0},
    "key": {"header": "x-user"},
    "experiment": "checkout",
    "conditions": [{"header": "x-tester", "version": "2.0"}, {"header": "x-plan", "version": "1.0", "value": "free"}],
    "shadow": {"version": "3.0", "share": 0.1},
}


def test_rules_are_read_and_written_back() -> None:
    rules = parse_rules(FULL)
    assert rules.key == Key("header", "x-user")
    assert rules.conditions == (Condition("x-tester", None, "2.0"), Condition("x-plan", "free", "1.0"))
    assert rules.shadow == Shadow("3.0", 0.1)
    assert rules.versions == {"1.0", "2.0", "3.0"}
    assert rules.to_json() == FULL


def test_an_address_is_a_key_without_a_name() -> None:
    assert parse_rules({"weights": {"1": 1}, "key": {"address": True}}).to_json()["key"] == {"address": True}


@pytest.mark.parametrize(
    ("text", "member"),
    [
        ([], "traffic"),
        ({}, "traffic"),
        ({"weight": {}}, "traffic.weight"),
        ({"weights": []}, "weights"),
        ({"weights": {"1": -1}}, "weights.1"),
        ({"weights": {"1": True}}, "weights.1"),
        ({"weights": {"1": float("nan")}}, "weights.1"),
        ({"weights": {"1": 0}}, "weights"),
        ({"weights": {"1": 1e308, "2": 1e308}}, "weights.1"),
        ({"weights": {"1": 10**400}}, "weights.1"),
        ({"shadow": {"version": "1", "share": 10**400}}, "shadow.share"),
        ({"weights": {"1": 1}, "key": {}}, "key"),
        ({"weights": {"1": 1}, "key": {"header": ""}}, "key.header"),
        ({"weights": {"1": 1}, "key": {"header": "a", "cookie": "b"}}, "key"),
        ({"conditions": [{"version": "1"}]}, "conditions.0.header"),
        ({"conditions": [{"header": "a", "version": 1}]}, "conditions.0.version"),
        ({"conditions": [{}] * 65}, "conditions"),
        ({"shadow": {"version": "1", "share": 2}}, "shadow.share"),
        ({"shadow": {"share": 1}}, "shadow.version"),
        ({"shadow": {"version": "1", "tolerance": 1}}, "shadow.tolerance"),
        ({"weights": {"1": 1}, "experiment": "x" * 257}, "experiment"),
    ],
)
def test_a_wrong_member_is_named(text: Any, member: str) -> None:
    with pytest.raises(InvalidTrafficRule) as raised:
        parse_rules(text)
    assert str(raised.value).startswith(f"{member} must be ")


def test_every_version_that_is_named_has_to_be_loaded() -> None:
    parse_rules(FULL).check_loaded(["1.0", "2.0", "3.0"])
    with pytest.raises(VersionNotLoaded, match=r"Version 3\.0 is not loaded"):
        parse_rules(FULL).check_loaded(["1.0", "2.0"])
