"""Waits for what takes a moment, and no longer than it takes."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def patiently(look: Callable[[], T], good: Callable[[T], object], seconds: float = 10) -> T:
    """Look again and again until what is seen is good or the time is up; returns what was seen last."""
    deadline = time.monotonic() + seconds
    while not good(seen := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return seen
