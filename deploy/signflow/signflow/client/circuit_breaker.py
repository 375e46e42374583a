"""A circuit breaker: leaves a server that keeps failing alone for a while, then tries it again with one request."""

import time
from collections.abc import Callable
from enum import StrEnum

LONGEST = 60.0
"""Seconds; a server that stays away is tried at least so often."""


class Circuit(StrEnum):
    """Closed lets everything through, open nothing, and half-open the one request that tries."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker:
    """Opens after `failures` failures in a row, for `cooldown` seconds at first; `clock` gives seconds.

    Whoever is admitted says later how it went, with one of the three other methods.
    """

    def __init__(self, failures: int, cooldown: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.state = Circuit.CLOSED
        self._limit, self._first_cooldown, self._clock = failures, cooldown, clock
        self._failures, self._cooldown, self._open_until = 0, cooldown, 0.0

    def __repr__(self) -> str:
        return f"<Breaker {self.state}, {self._failures} failures in a row>"

    def admits(self) -> bool:
        """Whether the server may be asked now; half-open lets one request through."""
        if self.state is Circuit.OPEN and self._clock() >= self._open_until:
            self.state = Circuit.HALF_OPEN
            return True
        return self.state is Circuit.CLOSED

    def succeeded(self) -> None:
        """The server answered: everything goes through again."""
        self.state, self._failures, self._cooldown = Circuit.CLOSED, 0, self._first_cooldown

    def failed(self) -> None:
        """The server did not answer, or with an error of its own."""
        self._failures += 1
        if self.state is Circuit.HALF_OPEN:
            self._cooldown = min(2 * self._cooldown, LONGEST)
            self._open()
        elif self.state is Circuit.CLOSED and self._failures >= self._limit:
            self._open()

    def told_nothing(self) -> None:
        """The request ended for a reason of its own; if it was the one that tried, the next one tries."""
        if self.state is Circuit.HALF_OPEN:
            self.state, self._open_until = Circuit.OPEN, self._clock()

    def _open(self) -> None:
        self.state, self._open_until = Circuit.OPEN, self._clock() + self._cooldown
