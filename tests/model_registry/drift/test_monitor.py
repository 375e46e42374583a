"""Samples of live traffic: at a bounded rate, in windows, against a profile or to become one."""

from model_registry.drift.monitor import DriftMonitor
from model_registry.drift.profile import Profile


def test_samples_are_taken_at_a_bounded_rate() -> None:
    now = 0.0
    monitor = DriftMonitor(rate=5, clock=lambda: now)
    taken = 0
    for step in range(1000):
        now = step / 100
        taken += monitor.is_due()
    assert 45 <= taken <= 51


def test_the_first_window_becomes_the_profile_and_the_next_are_scored() -> None:
    monitor = DriftMonitor(window=20)
    for n in range(20):
        monitor.observe({"x": float(n)})
    assert isinstance(monitor.profile, Profile)
    assert (monitor.scores, monitor.windows) == ([], 0)
    for _ in range(20):
        monitor.observe({"x": 100.0})
    assert monitor.windows == 1
    assert monitor.scores[0].psi > 1
