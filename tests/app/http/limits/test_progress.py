"""Connections that take too long are distinguished from slow ones."""

import pytest

from app.http.limits.connection_limits import ConnectionLimits
from app.http.limits.progress import Phase, Progress, ProgressClock

LIMITS = ConnectionLimits(client_header_timeout=10, client_body_timeout=20, send_timeout=30, min_transfer_rate=100)
KEEP_ALIVE = 50.0


def ends(steps: list[tuple[float, Phase, int, int]]) -> list[str]:
    """The overdue phases at these moments of a clock."""
    clock = ProgressClock()
    return [clock.overdue(now, Progress(*progress), LIMITS, KEEP_ALIVE) for now, *progress in steps]


@pytest.mark.parametrize(
    ("phase", "seconds", "reason"),
    [
        ("head", 10, "client_header_timeout"),
        ("body", 20, "client_body_timeout"),
        ("unread", 30, "send_timeout"),
        ("idle", 50, "keepalive_timeout"),
    ],
)
def test_without_a_byte_each_phase_has_its_time(phase: Phase, seconds: float, reason: str) -> None:
    assert ends([(5, phase, 1, 0), (4.9 + seconds, phase, 1, 0), (5 + seconds, phase, 1, 0)]) == ["", "", reason]


def test_a_response_that_is_being_made_has_no_time_here() -> None:
    assert ends([(0, "response", 1, 0), (1e9, "response", 1, 0)]) == ["", ""]


def test_each_phase_begins_anew() -> None:
    steps: list[tuple[float, Phase, int, int]] = [
        (0, "head", 0, 0), (9, "body", 0, 0), (28, "head", 1, 0), (37, "head", 2, 0), (46, "idle", 3, 0),
    ]  # fmt: skip
    assert set(ends(steps)) == {""}


@pytest.mark.parametrize(("phase", "timeout"), [("body", 20), ("unread", 30)])
def test_a_transfer_has_time_for_its_bytes_but_not_for_a_byte_now_and_then(phase: Phase, timeout: int) -> None:
    honest = [(float(now), phase, 1, 100 * now) for now in range(0, 500, 5)]
    assert set(ends(honest)) == {""}
    dripping = [(float(now), phase, 1, now) for now in range(timeout + 2)]
    assert ends(dripping)[-1] != ""
    assert set(ends(dripping[:-2])) == {""}


def test_a_fast_transfer_that_stops_is_overdue() -> None:
    assert ends([(0, "body", 1, 0), (1, "body", 1, 10**6), (20, "body", 1, 10**6), (21, "body", 1, 10**6)]) == [
        "", "", "", "client_body_timeout",
    ]  # fmt: skip


def test_only_an_unread_response_stalls() -> None:
    clock = ProgressClock()
    clock.overdue(0, Progress("unread", 1, 5), LIMITS, KEEP_ALIVE)
    clock.overdue(3, Progress("unread", 1, 6), LIMITS, KEEP_ALIVE)
    assert clock.stalled_seconds(7) == 4
    clock.overdue(8, Progress("idle", 1, 0), LIMITS, KEEP_ALIVE)
    assert clock.stalled_seconds(100) == 0
