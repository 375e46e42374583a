"""Load curves: requests a second that clients send, by the time in seconds."""

import math
from collections.abc import Callable
from typing import NamedTuple

DAY = 86_400


class Load(NamedTuple):
    """A curve, how long it is watched, and the step of the simulation, in seconds."""

    name: str
    rate: Callable[[float], float]
    seconds: float
    step: float


def day(peak: float) -> Load:
    """A day with its peak in the afternoon, a tenth of it at night, and a second one in the evening."""

    def rate(now: float) -> float:
        hour = now / DAY * 24
        afternoon = math.exp(-(((hour - 14) / 4) ** 2))
        evening = 0.6 * math.exp(-(((hour - 20.5) / 1.5) ** 2))
        return peak * (0.1 + 0.9 * min(1.0, afternoon + evening))

    return Load("a day", rate, DAY, 0.5)


def burst(base: float, peak: float) -> Load:
    """Quiet for ten minutes, then within ten seconds the peak for a quarter of an hour, and quiet again."""

    def rate(now: float) -> float:
        rising, falling = (now - 600) / 10, (1500 - now) / 10
        return base + (peak - base) * max(0.0, min(1.0, rising, falling))

    return Load("a burst", rate, 2700, 0.25)
