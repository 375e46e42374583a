"""The limits of a rollout that says nothing about them."""

from model_registry.traffic.guards.guard_limits import GuardLimits
from model_registry.traffic.rollout_plan import parse_plan


def test_a_plan_without_guards_has_the_default_limits_and_keeps_the_others() -> None:
    assert parse_plan({"to": "2.0"}, "1.0").limits == GuardLimits(0.001, 0.25, 0.02, 0.01)
