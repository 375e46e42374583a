"""The rate of an event among the last answers of the old version, and a bound that it exceeds only by chance."""

from collections import deque
from math import sqrt

RECENT_ANSWERS = 2000
"""Answers of the old version that the new one is compared with."""
BURST_ANSWERS = 50


class RecentRate:
    """Counts an event among the last answers.

    `burst` of the latest BURST_ANSWERS are a burst: the cause is neither version then, and the bound is that of the
    latest.
    """

    def __init__(self, burst: int) -> None:
        self._burst = burst
        self._events: deque[bool] = deque(maxlen=RECENT_ANSWERS)
        self._latest: deque[bool] = deque(maxlen=BURST_ANSWERS)
        self._count = self._latest_count = 0

    def __repr__(self) -> str:
        return f"<RecentRate {self._count} of {len(self._events)}>"

    def observe(self, event: bool) -> None:
        """Add an answer."""
        if len(self._events) == RECENT_ANSWERS:
            self._count -= self._events[0]
        if len(self._latest) == BURST_ANSWERS:
            self._latest_count -= self._latest[0]
        self._events.append(event)
        self._latest.append(event)
        self._count += event
        self._latest_count += event

    @property
    def upper(self) -> float:
        """An upper bound of the rate that it exceeds only by chance: of all answers, and of the latest in a burst."""
        bound, latest = _upper_bound(self._count, len(self._events)), self._latest_count
        return max(bound, _upper_bound(latest, len(self._latest))) if latest >= self._burst else bound


def _upper_bound(events: int, answers: int) -> float:
    """The rate plus two standard errors, with one half of an event added."""
    rate = (events + 0.5) / (answers + 1)
    return rate + (2 * sqrt(rate * (1 - rate) / answers) if events else 0.0)
