"""The choice of a version: shares, stickiness, independence of experiments, conditions."""

from collections import Counter
from dataclasses import dataclass, field
from math import sqrt

import pytest

from model_registry.traffic.chooser import TrafficChooser, hash_key
from model_registry.traffic.rules import TrafficRules, parse_rules


@dataclass
class Request:
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    body: dict[str, str] = field(default_factory=dict)
    client: str | None = None

    def header(self, name: str) -> str | None:
        return self.headers.get(name)

    def cookie(self, name: str) -> str | None:
        return self.cookies.get(name)

    def json_value(self, path: str) -> str | None:
        return self.body.get(path)

    def address(self) -> str | None:
        return self.client


def rules(**members: object) -> TrafficRules:
    return parse_rules({"weights": {"1.0": 90, "2.0": 10}, **members})


def test_shares_hold_to_within_sampling_error() -> None:
    chooser = TrafficChooser(rules(key={"header": "X-User"}, experiment="checkout"))
    chosen = Counter(chooser.choose(Request({"x-user": str(user)})) for user in range(20_000))
    assert abs(chosen["2.0"] - 2000) < 3 * sqrt(20_000 * 0.1 * 0.9)


def test_without_a_key_chance_decides() -> None:
    places = iter([0.0, 0.89, 0.91, 0.999999])
    chooser = TrafficChooser(rules(), draw=lambda: next(places))
    assert [chooser.choose(Request()) for _ in range(4)] == ["1.0", "1.0", "2.0", "2.0"]


@pytest.mark.parametrize(
    ("key", "request_"),
    [
        ({"header": "X-User"}, Request({"x-user": "u7"})),
        ({"cookie": "session"}, Request(cookies={"session": "u7"})),
        ({"json": "user.id"}, Request(body={"user.id": "u7"})),
        ({"address": True}, Request(client="10.0.0.7")),
    ],
)
def test_the_same_key_sees_the_same_version(key: dict[str, object], request_: Request) -> None:
    chooser = TrafficChooser(rules(key=key))
    assert len({chooser.choose(request_) for _ in range(100)}) == 1


def test_a_request_without_the_key_is_assigned_by_chance() -> None:
    chooser = TrafficChooser(rules(key={"header": "x-user"}), draw=lambda: 0.95)
    assert chooser.choose(Request()) == "2.0"


def test_experiments_are_independent() -> None:
    users = [str(user) for user in range(20_000)]
    both = sum(hash_key("a", user) < 0.5 and hash_key("b", user) < 0.5 for user in users)
    assert abs(both - 5000) < 3 * sqrt(20_000 * 0.25 * 0.75)


def test_a_rising_weight_moves_no_key_back() -> None:
    users = [Request({"x-user": str(user)}) for user in range(1000)]
    few, more = (
        TrafficChooser(rules(weights={"1.0": 100 - share, "2.0": share}, key={"header": "x-user"})) for share in (5, 25)
    )
    assert all(more.choose(user) == "2.0" for user in users if few.choose(user) == "2.0")


def test_conditions_come_before_weights() -> None:
    conditions = [{"header": "x-tester", "version": "2.0"}, {"header": "x-plan", "value": "free", "version": "1.0"}]
    chooser = TrafficChooser(rules(weights={"3.0": 1}, conditions=conditions))
    assert chooser.choose(Request({"x-tester": "anything"})) == "2.0"
    assert chooser.choose(Request({"x-plan": "free"})) == "1.0"
    assert chooser.choose(Request({"x-plan": "paid"})) == "3.0"


def test_rules_without_weights_leave_the_default_to_others() -> None:
    chooser = TrafficChooser(parse_rules({"conditions": [{"header": "a", "version": "2.0"}]}))
    assert chooser.choose(Request()) is None


def test_a_weight_of_zero_gets_nothing() -> None:
    chooser = TrafficChooser(rules(weights={"1.0": 0, "2.0": 3}), draw=lambda: 0.0)
    assert chooser.choose(Request()) == "2.0"
    assert (chooser.share_of("1.0"), chooser.share_of("2.0")) == (0, 1)


def test_a_shadow_gets_its_share() -> None:
    places = iter([0.05, 0.15])
    chooser = TrafficChooser(rules(shadow={"version": "2.0", "share": 0.1}), draw=lambda: next(places))
    assert [chooser.is_shadowed(), chooser.is_shadowed()] == [True, False]
