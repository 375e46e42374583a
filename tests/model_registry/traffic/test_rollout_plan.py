"""Plans of rollouts: read from JSON and back, and refused with the member that is wrong."""

from typing import Any

import pytest

from model_registry.errors import InvalidTrafficRule
from model_registry.traffic.guards.guard_limits import GuardLimits
from model_registry.traffic.rollout_plan import RolloutPlan, parse_plan


def test_a_plan_needs_the_new_version_alone() -> None:
    assert parse_plan({"to": "2.0"}, "1.0") == RolloutPlan("1.0", "2.0")


def test_a_plan_is_read_and_written_back() -> None:
    text = {
        "from": "1.0", "to": "2.0", "steps": [10.0, 100.0], "hold": 50, "shadowFirst": True,
        "limits": {"errorIncrease": 0.01, "p95Increase": 0.5, "disagreement": 0.1, "falseAlarmRate": 0.001},
        "webhook": "https://example.com/hook",
        "tolerance": {"relative": 0.1, "absolute": 0.0, "ignored": ["confidence"], "topK": 2},
    }  # fmt: skip
    plan = parse_plan(text, "0.9")
    assert plan.limits == GuardLimits(0.01, 0.5, 0.1, 0.001)
    assert plan.to_json() == text


@pytest.mark.parametrize(
    ("text", "member"),
    [
        (None, "rollout"),
        ({"to": "2.0", "step": []}, "rollout.step"),
        ({}, "to"),
        ({"to": "1.0"}, "to"),
        ({"to": 2}, "to"),
        ({"to": "2.0", "steps": []}, "steps"),
        ({"to": "2.0", "steps": [5, 1, 100]}, "steps"),
        ({"to": "2.0", "steps": [0, 100]}, "steps"),
        ({"to": "2.0", "steps": [10**400]}, "steps"),
        ({"to": "2.0", "limits": {"falseAlarmRate": 5e-324}}, "limits.falseAlarmRate"),
        ({"to": "2.0", "steps": [1, 50]}, "steps"),
        ({"to": "2.0", "steps": [1, "5", 100]}, "steps"),
        ({"to": "2.0", "hold": 0}, "hold"),
        ({"to": "2.0", "hold": 1.5}, "hold"),
        ({"to": "2.0", "shadowFirst": 1}, "shadowFirst"),
        ({"to": "2.0", "limits": 1}, "limits"),
        ({"to": "2.0", "limits": {"p95": 1}}, "limits"),
        ({"to": "2.0", "limits": {"p95Increase": 0}}, "limits.p95Increase"),
        ({"to": "2.0", "limits": {"falseAlarmRate": 1}}, "limits"),
        ({"to": "2.0", "webhook": "ftp://x"}, "webhook"),
        ({"to": "2.0", "tolerance": {"topK": -1}}, "tolerance.topK"),
    ],
)
def test_a_wrong_member_is_named(text: Any, member: str) -> None:
    with pytest.raises(InvalidTrafficRule) as raised:
        parse_plan(text, "1.0")
    assert str(raised.value).startswith(f"{member} must be ")
