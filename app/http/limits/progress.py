"""Decides whether a connection takes too long: its head, its body, reading its response, or being idle."""

from typing import Literal, NamedTuple

from app.http.limits.connection_limits import ConnectionLimits

Phase = Literal["head", "body", "response", "unread", "idle"]


class Progress(NamedTuple):
    """The phase of a connection, and the bytes that have passed in it.

    `number` distinguishes one head, body or response from the next.
    """

    phase: Phase
    number: int
    byte_count: int


class ProgressClock:
    """Watches one connection. It is asked now and then, and costs nothing in between."""

    __slots__ = ("_began", "_count", "_last", "_progressed")

    def __init__(self) -> None:
        self._last: Progress | None = None
        self._began = self._progressed = 0.0
        self._count = 0

    def overdue(self, now: float, progress: Progress, limits: ConnectionLimits, keep_alive: float) -> str:
        """The key of the limit that the connection has exceeded, "" if none; times are seconds."""
        last, self._last = self._last, progress
        if last is None or last[:2] != progress[:2]:
            self._began = self._progressed = now
            self._count = progress.byte_count
        elif progress.byte_count > last.byte_count:
            self._progressed = now
        match progress.phase:
            case "head":
                return "client_header_timeout" if now - self._began >= limits.client_header_timeout else ""
            case "body":
                return "client_body_timeout" if self._is_slow(now, limits.client_body_timeout, limits) else ""
            case "unread":
                return "send_timeout" if self._is_slow(now, limits.send_timeout, limits) else ""
            case "idle":
                return "keepalive_timeout" if now - self._began >= keep_alive else ""
        return ""

    def stalled_seconds(self, now: float) -> float:
        """Seconds since the last progress of an unread response; 0 in any other phase."""
        return now - self._progressed if self._last is not None and self._last.phase == "unread" else 0.0

    def _is_slow(self, now: float, timeout: float, limits: ConnectionLimits) -> bool:
        """True without a byte for `timeout`, or if there were fewer than the minimum rate allows."""
        assert self._last is not None
        allowed = timeout + (self._last.byte_count - self._count) / limits.min_transfer_rate
        return now - self._progressed >= timeout or now - self._began >= allowed
