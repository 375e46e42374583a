"""Polls for a result that takes a moment, and no longer than it takes."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def poll(measure: Callable[[], T], is_good: Callable[[T], object], seconds: float = 10) -> T:
    """Measure again and again until the result is good or the time is up; returns the last result."""
    deadline = time.monotonic() + seconds
    while not is_good(result := measure()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return result
