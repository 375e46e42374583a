"""The latencies of a new version beside a quantile of the old one's."""

from model_registry.traffic.guards.recent_rate import RecentRate
from model_registry.traffic.guards.sequential_test import SequentialTest
from model_registry.traffic.latencies import RecentLatencies

REFRESH_ANSWERS = 50
"""Answers of the old version after which its quantile is computed again."""
MIN_SECONDS = 0.0005
"""Differences below this are the machine's, whatever they are in percent."""


class SlownessTest:
    """Tests "no more than 1 - quantile of the new answers take longer than the old ones' quantile, increased".

    Where latencies have long tails, a lower quantile shows a slow version sooner than a high one.
    `burst`: so many slow ones among the old version's latest answers mean that the cause is neither version.
    """

    def __init__(self, quantile: float, increase: float, burst: int, alpha: float) -> None:
        self.test = SequentialTest(alpha)
        self._quantile = quantile
        self._increase = increase
        self._slow_rate = RecentRate(burst)
        self._slow = float("inf")
        """The seconds above which an answer counts as slow."""

    def __repr__(self) -> str:
        return f"<SlownessTest above {self._slow:.4f} s: {self.test!r}>"

    def observe_old(self, seconds: float, latencies: RecentLatencies, count: int) -> None:
        """Add an answer of the old version; `latencies` are its last ones, of `count` in all."""
        self._slow_rate.observe(seconds > self._slow)
        if count % REFRESH_ANSWERS == 0:
            reference = latencies.quantile(self._quantile)
            self._slow = reference + max(MIN_SECONDS, reference * self._increase)

    def observe_new(self, seconds: float) -> None:
        """Add an answer of the new version."""
        allowed = min(0.9, max(1 - self._quantile, self._slow_rate.upper))
        self.test.observe(event=seconds > self._slow, allowed=allowed)
