"""The test of slowness at one quantile."""

import numpy as np
import pytest

from model_registry.traffic.guards.recent_rate import BURST_ANSWERS
from model_registry.traffic.guards.slowness import MIN_SECONDS, SlownessTest
from model_registry.traffic.latencies import RecentLatencies


def judge(quantile: float, factor: float, spread: float, scale: float = 0.01, answers: int = 1000) -> int | None:
    """The answers of the new version after which it was found slow."""
    rng, latencies = np.random.default_rng(1), RecentLatencies(2000)
    slowness = SlownessTest(quantile, 0.25, burst=BURST_ANSWERS + 1, alpha=0.002)
    for count, seconds in enumerate(scale * rng.lognormal(0, spread, 2000), 1):
        latencies.observe(seconds)
        slowness.observe_old(seconds, latencies, count)
    for count, seconds in enumerate(factor * scale * rng.lognormal(0, spread, answers), 1):
        slowness.observe_new(seconds)
        if slowness.test.is_rejected:
            return count
    return None


@pytest.mark.parametrize("quantile", [0.75, 0.95])
def test_a_version_within_the_increase_stays_and_a_slow_one_is_found(quantile: float) -> None:
    assert judge(quantile, 1.2, 0.5) is None
    assert judge(quantile, 2.0, 0.5) is not None


def test_with_long_tails_the_lower_quantile_shows_it_sooner() -> None:
    low, high = judge(0.75, 2.0, 1.0), judge(0.95, 2.0, 1.0)
    assert low is not None
    assert high is None or low < high


def test_differences_of_the_machine_are_not_slowness() -> None:
    assert judge(0.75, 2.0, 0.1, scale=MIN_SECONDS / 4) is None


def test_nothing_is_slow_before_there_is_a_reference() -> None:
    slowness = SlownessTest(0.95, 0.25, burst=8, alpha=0.002)
    for _ in range(100):
        slowness.observe_new(9.0)
    assert not slowness.test.is_rejected
