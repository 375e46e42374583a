"""The end of the process: one deadline, which begins with the first signal, and which nothing outlasts."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil
from threading import Timer
from time import monotonic
from types import FrameType

import uvicorn

FINAL_SECONDS = 1.0
"""Time for threads of archives to end by themselves when everything else has ended."""
SIGNALS = (signal.SIGTERM, signal.SIGINT)
SignalHandler = Callable[[int, FrameType | None], None]


class Deadline:
    """Allows `seconds` from the moment it is started. `overdue_status` is the exit status of a process that it ends."""

    def __init__(self, seconds: float, overdue_status: int = 0) -> None:
        self.seconds = seconds
        self._overdue_status = overdue_status
        self._at: float | None = None
        self._timer: Timer | None = None

    def __repr__(self) -> str:
        return f"<Deadline {'not started' if self._at is None else f'in {self.remaining():.1f} s'}>"

    @property
    def is_started(self) -> bool:
        """Whether the time runs."""
        return self._at is not None

    def start(self) -> None:
        """Let the time run, if it does not yet."""
        if self._at is None:
            self._at = monotonic() + self.seconds

    def remaining(self) -> float:
        """Seconds that remain, none below zero; starts the deadline."""
        self.start()
        assert self._at is not None
        return max(0.0, self._at - monotonic())

    def exit_after(self, seconds: float, status: int = 0) -> None:
        """End the process after a while, whatever threads it still has: its platform would kill it, and call that a
        crash. A later call replaces the one before.
        """
        if self._timer is not None:
            self._timer.cancel()
        self._timer = Timer(seconds, os._exit, (status,))
        self._timer.daemon = True
        self._timer.start()

    def start_with_exit(self) -> None:
        """Start the deadline of a process that ends with it."""
        self.exit_after(self.remaining() + FINAL_SECONDS, self._overdue_status)


@contextmanager
def ending_with_uvicorn(deadline: Deadline) -> Iterator[None]:
    """While the block runs, have the signal that stops uvicorn start the deadline, and bound the time of connections.

    After the block the process ends with status 0: uvicorn would raise the signal again, which platforms take for a
    crash. Does nothing where uvicorn does not handle the signals of this process, or the project's own server does.
    """
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    if type(server) is not uvicorn.Server:
        yield
        return
    if server.config.timeout_graceful_shutdown is None:
        server.config.timeout_graceful_shutdown = ceil(deadline.seconds)

    def stop(number: int, frame: FrameType | None) -> None:
        deadline.start_with_exit()
        server.handle_exit(number, frame)

    handlers = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        with handling_hangup(stop):
            yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if server.should_exit:
        deadline.exit_after(FINAL_SECONDS)
        server._captured_signals.clear()  # noqa: SLF001 - uvicorn has no option for it


@contextmanager
def handling_hangup(handler: SignalHandler) -> Iterator[None]:
    """While the block runs, have SIGHUP handled like the other signals that stop a server.

    It comes when a terminal closes; unhandled it would end the process at once. Under nohup it stays ignored.
    """
    is_default = signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
    if is_default:
        signal.signal(signal.SIGHUP, handler)
    try:
        yield
    finally:
        if is_default:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
