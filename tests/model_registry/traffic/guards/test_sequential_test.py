"""The sequential test: its false-alarm rate holds however long one looks, and it sees what it should."""

import numpy as np

from model_registry.traffic.guards.sequential_test import SequentialTest


def rejected_after(rate: float, allowed: float, seed: int, observations: int, alpha: float = 0.05) -> int | None:
    test = SequentialTest(alpha)
    for event in np.random.default_rng(seed).random(observations) < rate:
        test.observe(event=bool(event), allowed=allowed)
        if test.is_rejected:
            return test.observations
    return None


def test_the_allowed_rate_is_rejected_no_more_often_than_stated() -> None:
    rejections = sum(rejected_after(0.05, 0.05, seed, 1000) is not None for seed in range(200))
    assert rejections <= 0.05 * 200 + 3 * (200 * 0.05 * 0.95) ** 0.5


def test_a_higher_rate_is_rejected_soon() -> None:
    found = [rejected_after(0.05, 0.002, seed, 400) for seed in range(50)]
    assert None not in found
    assert float(np.median([each for each in found if each])) < 150


def test_a_version_that_turns_bad_late_is_seen_nearly_as_soon() -> None:
    test = SequentialTest(0.01)
    for _ in range(5000):
        test.observe(event=False, allowed=0.05)
    for _ in range(60):
        test.observe(event=True, allowed=0.05)
        if test.is_rejected:
            break
    assert test.is_rejected
    assert test.observations < 5040


def test_a_rejection_stands() -> None:
    test = SequentialTest(0.01)
    for _ in range(10):
        test.observe(event=True, allowed=0.01)
    for _ in range(1000):
        test.observe(event=False, allowed=0.5)
    assert test.is_rejected
