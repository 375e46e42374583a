"""The guards of a rollout: good versions stay, and bad ones go, with a reason."""

import numpy as np
import pytest

from model_registry.traffic.guards.guard_limits import GuardLimits
from model_registry.traffic.guards.regression_guards import MIN_REFERENCE, RegressionGuards


def judge(seed: int, *, errors: float = 0.0, factor: float = 1.0, answers: int = 1000) -> tuple[int, str | None]:
    rng, guards = np.random.default_rng(seed), RegressionGuards(GuardLimits())
    for seconds in rng.lognormal(-4, 0.5, 500):
        guards.observe_old(seconds, failed=False)
    for count, seconds in enumerate(factor * rng.lognormal(-4, 0.5, answers), 1):
        guards.observe_old(float(rng.lognormal(-4, 0.5)), failed=False)
        guards.observe_new(seconds, failed=bool(rng.random() < errors))
        if guards.verdict:
            return count, guards.verdict
    return answers, None


def test_an_equal_version_stays() -> None:
    assert [judge(seed)[1] for seed in range(10)] == [None] * 10


@pytest.mark.parametrize(
    ("bad", "within", "reason"),
    [({"errors": 0.05}, 300, "answers are errors"), ({"factor": 2.0}, 300, "above the old version")],
)
def test_a_worse_version_goes(bad: dict[str, float], within: int, reason: str) -> None:
    for seed in range(20):
        count, verdict = judge(seed, **bad)
        assert verdict is not None
        assert reason in verdict
        assert count <= within


def test_both_versions_slow_at_once_is_nobodys_fault() -> None:
    guards = RegressionGuards(GuardLimits())
    for _ in range(1000):
        guards.observe_old(0.01, failed=False)
    for _ in range(300):
        for _ in range(19):
            guards.observe_old(0.05, failed=False)
        guards.observe_new(0.05, failed=False)
    assert guards.verdict is None


def test_answers_that_differ_count_against_the_new_version() -> None:
    guards = RegressionGuards(GuardLimits(disagreement=0.02))
    for _ in range(200):
        guards.observe_shadow(agrees=True)
    for _ in range(30):
        guards.observe_shadow(agrees=False)
    assert guards.verdict is not None
    assert "differ" in guards.verdict


def test_nothing_is_judged_without_a_reference() -> None:
    guards = RegressionGuards(GuardLimits())
    for _ in range(MIN_REFERENCE - 1):
        guards.observe_old(0.01, failed=False)
    for _ in range(100):
        guards.observe_new(9.0, failed=True)
    assert guards.verdict is None
    assert all(value < 1 for value in guards.evidence().values())
