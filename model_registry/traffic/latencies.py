"""The latencies of recent answers, and their quantiles."""

from collections import deque

RECENT_ANSWERS = 1000


class RecentLatencies:
    """The seconds that the last answers took."""

    def __init__(self, size: int = RECENT_ANSWERS) -> None:
        self._seconds: deque[float] = deque(maxlen=size)

    def __repr__(self) -> str:
        return f"<RecentLatencies of {len(self._seconds)} answers>"

    def observe(self, seconds: float) -> None:
        """Add an answer."""
        self._seconds.append(seconds)

    def quantile(self, part: float) -> float:
        """The seconds within which this part of the answers came; at least one was observed."""
        ordered = sorted(self._seconds)
        return ordered[round(part * (len(ordered) - 1))]

    def describe(self) -> dict[str, float] | None:
        """The median and the 95 % quantile in milliseconds; None without an answer."""
        if not self._seconds:
            return None
        return {"p50": round(1000 * self.quantile(0.5), 3), "p95": round(1000 * self.quantile(0.95), 3)}
