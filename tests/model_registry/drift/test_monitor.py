"""Samples of live traffic: at a bounded rate, in windows, against a profile or to become one."""

from types import SimpleNamespace
from typing import Any, cast

from handler.job import Input, Output
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


def test_samples_that_take_long_are_taken_more_rarely() -> None:
    times = iter([0.0, 0.0, 1.0, 1.5, 40.0, 52.0])
    monitor, reply = DriftMonitor(clock=lambda: next(times)), cast(Any, SimpleNamespace(observer=None))
    assert monitor.is_due()
    monitor.watch(Input(()), reply)
    reply.observer(Output(b"{}"))  # from 1.0 to 1.5
    assert [monitor.is_due(), monitor.is_due()] == [False, True]


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
