"""The guards of a rollout: the new version's errors, latency and agreement beside those of the old one."""

from model_registry.traffic.guards.guard_limits import GuardLimits
from model_registry.traffic.guards.recent_rate import RECENT_ANSWERS, RecentRate
from model_registry.traffic.guards.sequential_test import SequentialTest
from model_registry.traffic.guards.slowness import SlownessTest
from model_registry.traffic.latencies import RecentLatencies

MIN_REFERENCE = 100
"""Answers of the old version before which nothing is judged."""
ALARM_PARTS = {"errors": 0.6, "p95": 0.1, "p75": 0.15, "disagreement": 0.15}
"""The parts of the false-alarm rate that each test may use."""
ERROR_BURST = 3
P95_BURST, P75_BURST = 8, 22
"""Events among the latest answers of the old version that count as a burst."""


class RegressionGuards:
    """Judges a new version after each answer of either version."""

    def __init__(self, limits: GuardLimits) -> None:
        self.limits = limits
        alpha = {test: part * limits.false_alarm_rate for test, part in ALARM_PARTS.items()}
        self._errors, self._differences = SequentialTest(alpha["errors"]), SequentialTest(alpha["disagreement"])
        self._slowness = (
            SlownessTest(0.95, limits.p95_increase, P95_BURST, alpha["p95"]),
            SlownessTest(0.75, limits.p95_increase, P75_BURST, alpha["p75"]),
        )
        self._old_errors = RecentRate(ERROR_BURST)
        self._old_latencies = RecentLatencies(RECENT_ANSWERS)
        self._old_answers = 0

    def __repr__(self) -> str:
        return f"<RegressionGuards {self.verdict or 'content'}>"

    def observe_old(self, seconds: float, *, failed: bool) -> None:
        """Add an answer of the old version."""
        self._old_answers += 1
        self._old_errors.observe(failed)
        if failed:
            return
        self._old_latencies.observe(seconds)
        for slowness in self._slowness:
            slowness.observe_old(seconds, self._old_latencies, self._old_answers)

    def observe_new(self, seconds: float, *, failed: bool) -> None:
        """Add an answer of the new version."""
        if self._old_answers < MIN_REFERENCE:
            return
        allowed = min(0.9, self._old_errors.upper + self.limits.error_increase)
        self._errors.observe(event=failed, allowed=allowed)
        if not failed:
            for slowness in self._slowness:
                slowness.observe_new(seconds)

    def observe_shadow(self, *, agrees: bool) -> None:
        """Add a comparison of two answers to one request."""
        self._differences.observe(event=not agrees, allowed=self.limits.disagreement)

    @property
    def verdict(self) -> str | None:
        """The reason for which the new version has to go."""
        if self._errors.is_rejected:
            return (
                f"more than {self.limits.error_increase:.2%} more of its answers are errors than of the old version's"
            )
        for name, slowness in zip(("p95", "p75"), self._slowness, strict=True):
            if slowness.test.is_rejected:
                return f"its {name} is more than {self.limits.p95_increase:.0%} above the old version's"
        if self._differences.is_rejected:
            return f"more than {self.limits.disagreement:.1%} of its answers differ from the old version's"
        return None

    def evidence(self) -> dict[str, float]:
        """The evidence of each guard as a part, 0 to 1 and more, of what makes it act."""
        latency = max((slowness.test for slowness in self._slowness), key=_progress)
        tests = {"errors": self._errors, "latency": latency, "disagreement": self._differences}
        return {name: _progress(test) for name, test in tests.items()}


def _progress(test: SequentialTest) -> float:
    """The evidence as a part of what makes a guard act."""
    return max(0.0, test.evidence / test.threshold)
