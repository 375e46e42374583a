"""The latencies of recent answers, and their quantiles."""

from bisect import bisect_left, insort
from collections import deque

RECENT_ANSWERS = 1000


class RecentLatencies:
    """The seconds that the last answers took."""

    def __init__(self, size: int = RECENT_ANSWERS) -> None:
        self._seconds: deque[float] = deque(maxlen=size)
        self._ordered: list[float] = []

    def __repr__(self) -> str:
        return f"<RecentLatencies of {len(self._seconds)} answers>"

    def observe(self, seconds: float) -> None:
        """Add an answer."""
        if len(self._ordered) == self._seconds.maxlen:
            del self._ordered[bisect_left(self._ordered, self._seconds[0])]
        self._seconds.append(seconds)
        insort(self._ordered, seconds)

    def quantile(self, part: float) -> float:
        """The seconds within which this part of the answers came; at least one was observed."""
        return self._ordered[round(part * (len(self._ordered) - 1))]

    def describe(self) -> dict[str, float] | None:
        """The median and the 95 % quantile in milliseconds; None without an answer."""
        if not self._seconds:
            return None
        return {"p50": round(1000 * self.quantile(0.5), 3), "p95": round(1000 * self.quantile(0.95), 3)}
