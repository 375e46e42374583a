"""The guards of a rollout: the new version's errors, latency and agreement beside those of the old one."""

from collections import deque
from math import sqrt

from model_registry.traffic.guard_limits import GuardLimits
from model_registry.traffic.latencies import RecentLatencies
from model_registry.traffic.sequential_test import SequentialTest

RECENT_ANSWERS = 2000
"""Answers of the old version that the new one is compared with."""
QUANTILE = 0.95
QUANTILE_INTERVAL = 50
"""Answers of the old version after which its quantile is computed again."""
MIN_REFERENCE = 100
"""Answers of the old version before which nothing is judged."""
ALARM_PARTS = (0.5, 0.3, 0.2)
"""The parts of the false-alarm rate that errors, latency and disagreement may use."""
MIN_LATENCY_SECONDS = 0.0005
"""Differences below this are the machine's, whatever they are in percent."""
BURST_ANSWERS = 50
ERROR_BURST, SLOW_BURST = 3, 8
"""Events among the last BURST_ANSWERS of the old version that count as a burst: the cause is neither version then."""


class RecentRate:
    """The rate of an event among the last answers of the old version; `burst` of the latest are a burst."""

    def __init__(self, burst: int) -> None:
        self._burst = burst
        self._events: deque[bool] = deque(maxlen=RECENT_ANSWERS)
        self._latest: deque[bool] = deque(maxlen=BURST_ANSWERS)
        self._count = 0

    def observe(self, event: bool) -> None:
        """Add an answer."""
        if len(self._events) == RECENT_ANSWERS:
            self._count -= self._events[0]
        self._events.append(event)
        self._latest.append(event)
        self._count += event

    @property
    def upper(self) -> float:
        """An upper bound of the rate that it exceeds only by chance: of all answers, and of the latest in a burst."""
        latest = sum(self._latest)
        bound = _upper_bound(self._count, len(self._events))
        return max(bound, _upper_bound(latest, len(self._latest))) if latest >= self._burst else bound


def _upper_bound(events: int, answers: int) -> float:
    """The rate plus two standard errors, with one half of an event added."""
    rate = (events + 0.5) / (answers + 1)
    return rate + (2 * sqrt(rate * (1 - rate) / answers) if events else 0.0)


class RegressionGuards:
    """Judges a new version after each answer of either version."""

    def __init__(self, limits: GuardLimits) -> None:
        self.limits = limits
        self._errors, self._slowness, self._differences = (
            SequentialTest(part * limits.false_alarm_rate) for part in ALARM_PARTS
        )
        self._old_errors, self._old_slowness = RecentRate(ERROR_BURST), RecentRate(SLOW_BURST)
        self._old_latencies = RecentLatencies(RECENT_ANSWERS)
        self._old_answers = 0
        self._slow = float("inf")

    def __repr__(self) -> str:
        return f"<RegressionGuards {self.verdict or 'content'}>"

    def observe_old(self, seconds: float, *, failed: bool) -> None:
        """Add an answer of the old version."""
        self._old_answers += 1
        self._old_errors.observe(failed)
        if failed:
            return
        self._old_slowness.observe(seconds > self._slow)
        self._old_latencies.observe(seconds)
        if self._old_answers % QUANTILE_INTERVAL == 0:
            p95 = self._old_latencies.quantile(QUANTILE)
            self._slow = p95 + max(MIN_LATENCY_SECONDS, p95 * self.limits.p95_increase)

    def observe_new(self, seconds: float, *, failed: bool) -> None:
        """Add an answer of the new version."""
        if self._old_answers < MIN_REFERENCE:
            return
        allowed = min(0.9, self._old_errors.upper + self.limits.error_increase)
        self._errors.observe(event=failed, allowed=allowed)
        if not failed:
            allowed = min(0.9, max(1 - QUANTILE, self._old_slowness.upper))
            self._slowness.observe(event=seconds > self._slow, allowed=allowed)

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
        if self._slowness.is_rejected:
            return f"its p95 is more than {self.limits.p95_increase:.0%} above the old version's"
        if self._differences.is_rejected:
            return f"more than {self.limits.disagreement:.1%} of its answers differ from the old version's"
        return None

    def evidence(self) -> dict[str, float]:
        """The evidence of each guard as a part, 0 to 1 and more, of what makes it act."""
        tests = {"errors": self._errors, "latency": self._slowness, "disagreement": self._differences}
        return {name: max(0.0, test.evidence / test.threshold) for name, test in tests.items()}
