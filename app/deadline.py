"""The time that a stopping server has: one deadline, which begins with the first signal, and which nothing outlasts."""

import os
from threading import Timer
from time import monotonic

FINAL_SECONDS = 1.0
"""Time for threads of archives to end by themselves when everything else has ended."""


class Deadline:
    """Allows `seconds` from the moment it is started."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._at: float | None = None
        self._timer: Timer | None = None

    def __repr__(self) -> str:
        return f"<Deadline {'not started' if self._at is None else f'in {self.remaining():.1f} s'}>"

    def start(self) -> None:
        """Let the time run, if it does not yet."""
        if self._at is None:
            self._at = monotonic() + self.seconds

    def remaining(self) -> float:
        """Seconds that remain, none below zero; starts the deadline."""
        self.start()
        assert self._at is not None
        return max(0.0, self._at - monotonic())

    def exit_after(self, seconds: float) -> None:
        """End the process after a while, whatever threads it still has: its platform would kill it, and call that a
        crash. A later call replaces the one before.
        """
        if self._timer is not None:
            self._timer.cancel()
        self._timer = Timer(seconds, os._exit, (0,))
        self._timer.daemon = True
        self._timer.start()

    def start_with_exit(self) -> None:
        """Start the deadline of a process that ends with it."""
        self.exit_after(self.remaining() + FINAL_SECONDS)
