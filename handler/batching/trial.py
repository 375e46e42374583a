"""Compares two settings by blocks of batches that alternate."""

from math import sqrt
from statistics import fmean, median, stdev

REQUIRED_GAIN = 0.05  # of the time, for the other setting to win: less is not worth a change, in either direction
MIN_PAIRS, MAX_PAIRS = 3, 20
CLEAR_ERRORS = 2.5  # standard errors between the mean gain and the required one end a trial early
GIVE_UP_RATIO = 2.0  # a setting that takes so much longer is not tried further
ORDER = (True, False, False, True)
"""Whether a block is of the other setting: no rhythm of two in the sizes of batches favours either."""


class Trial:
    """The setting in use against another one, in pairs: a neighbour's burst, or a change, falls upon both.

    The mean gain decides, since the sum of all times is to become small; a single odd block counts no more than twice
    its usual time. Both settings need the same evidence.
    """

    def __init__(self) -> None:
        self._used: list[float] = []
        self._other: list[float] = []
        self.cost = 0.0
        """The seconds that the slower setting has taken more than the faster one would have."""

    def __repr__(self) -> str:
        return f"<Trial, {len(self._other)} blocks, gain {self.gain:.2f}>"

    @property
    def is_of_other(self) -> bool:
        """Whether the next block is to be of the other setting."""
        return ORDER[(len(self._used) + len(self._other)) % len(ORDER)]

    @property
    def gain(self) -> float:
        """The part of the time that the other setting saves; negative where it takes more."""
        gains = self._gains()
        return fmean(gains) if gains else 0.0

    def record(self, row_seconds: float, block_seconds: float) -> bool | None:
        """Add a block; returns whether the other setting has won, None while the trial goes on."""
        (self._other if self.is_of_other else self._used).append(row_seconds)
        if len(self._used) != len(self._other):
            return None
        self.cost += abs(self._other[-1] - self._used[-1]) / row_seconds * block_seconds
        gains = self._gains()
        count, mean = len(gains), fmean(gains)
        if count < MIN_PAIRS:
            return False if count > 1 and median(self._other) > GIVE_UP_RATIO * median(self._used) else None
        is_clear = abs(mean - REQUIRED_GAIN) > CLEAR_ERRORS * stdev(gains) / sqrt(count)
        return mean > REQUIRED_GAIN if is_clear or count == MAX_PAIRS else None

    def _gains(self) -> list[float]:
        """The gain of each pair, between -1 and 1."""
        pairs = list(zip(self._used, self._other, strict=False))
        typical = median(used for used, _ in pairs) if pairs else 1.0
        return [max(-1.0, min(1.0, (used - other) / typical)) for used, other in pairs]
