"""The choice of the fastest setting by trials."""

from collections.abc import Callable
from itertools import pairwise
from math import inf

import pytest

from handler.batching.autotuner import MAX_RETRIAL_BATCHES, RETRIAL_BATCHES, TRIAL_BATCHES, TRIAL_SECONDS, Autotuner


@pytest.fixture(autouse=True)
def untimed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials are repeated after a number of batches here, however long those take."""
    monkeypatch.setattr("handler.batching.autotuner.RETRIAL_SECONDS", inf)


def play(autotuner: Autotuner[int], batches: int, seconds: Callable[[int], float]) -> list[int]:
    """Serve so many batches, each for the seconds of its setting; returns the settings in order."""
    chosen = []
    for _ in range(batches):
        chosen.append(autotuner.choose())
        autotuner.record(1, seconds(chosen[-1]))
    return chosen


def test_a_single_candidate_is_always_chosen() -> None:
    assert set(play(Autotuner([3, 3]), 2 * RETRIAL_BATCHES, float)) == {3}


def test_the_faster_one_is_found_and_kept_until_the_next_trials() -> None:
    autotuner = Autotuner([1, 2])
    assert (
        play(autotuner, 3 * TRIAL_BATCHES, {1: 1.0, 2: 0.5}.__getitem__)
        == [1] * TRIAL_BATCHES + [2] * TRIAL_BATCHES + [1] * TRIAL_BATCHES
    )
    assert set(play(autotuner, RETRIAL_BATCHES - 3 * TRIAL_BATCHES, {1: 1.0, 2: 0.5}.__getitem__)) == {2}


def test_a_small_gain_changes_nothing() -> None:
    autotuner = Autotuner([1, 2])
    play(autotuner, 3 * TRIAL_BATCHES, {1: 1.0, 2: 0.9}.__getitem__)
    assert autotuner.best == 1


def test_a_gain_that_has_become_small_is_not_kept() -> None:
    autotuner = Autotuner([1, 2])
    play(autotuner, RETRIAL_BATCHES, {1: 1.0, 2: 0.5}.__getitem__)
    assert autotuner.best == 2
    play(autotuner, 3 * TRIAL_BATCHES, {1: 1.0, 2: 0.9}.__getitem__)
    assert autotuner.best == 1


def test_short_batches_are_tried_for_longer() -> None:
    autotuner, enough = Autotuner([1, 2]), 2 * TRIAL_BATCHES
    chosen = play(
        autotuner, 3 * enough, {1: TRIAL_SECONDS / enough * 1.001, 2: TRIAL_SECONDS / enough * 1.001}.__getitem__
    )
    assert chosen == [1] * enough + [2] * enough + [1] * enough


def test_trials_that_change_nothing_become_rare() -> None:
    autotuner = Autotuner([1, 2])
    chosen = play(autotuner, 8 * MAX_RETRIAL_BATCHES, {1: 1.0, 2: 1.0}.__getitem__)
    began = [at for at, (before, now) in enumerate(zip([1, *chosen], chosen, strict=False)) if (before, now) == (1, 2)]
    gaps = [later - earlier for earlier, later in pairwise(began)]
    assert gaps[:3] == [2 * RETRIAL_BATCHES, 4 * RETRIAL_BATCHES, 8 * RETRIAL_BATCHES]
    assert set(gaps[4:]) == {MAX_RETRIAL_BATCHES}


def test_the_first_batches_do_not_count() -> None:
    """They may be slow for reasons of their own."""
    autotuner = Autotuner([1, 2])
    play(autotuner, TRIAL_BATCHES, lambda _: 100.0)
    play(autotuner, 2 * TRIAL_BATCHES, {1: 0.5, 2: 1.0}.__getitem__)
    assert autotuner.best == 1


def test_one_odd_batch_decides_nothing() -> None:
    autotuner, odd = Autotuner([1, 2]), iter([1.0] * (3 * TRIAL_BATCHES - 2) + [0.001, 1.0])
    play(autotuner, 3 * TRIAL_BATCHES, lambda _: next(odd))
    assert autotuner.best == 1


def test_a_change_is_seen_in_the_next_trials() -> None:
    autotuner = Autotuner([1, 2])
    play(autotuner, RETRIAL_BATCHES, {1: 1.0, 2: 0.5}.__getitem__)
    assert autotuner.best == 2
    play(autotuner, 3 * TRIAL_BATCHES, {1: 0.5, 2: 1.0}.__getitem__)
    assert autotuner.best == 1


def test_the_required_ratio_is_configurable() -> None:
    for ratio, best in ((0.95, 2), (0.91, 2), (0.89, 1), (0.5, 1)):
        autotuner = Autotuner([1, 2], required_ratio=ratio)
        play(autotuner, 3 * TRIAL_BATCHES, {1: 1.0, 2: 0.9}.__getitem__)
        assert autotuner.best == best


def test_the_length_of_a_trial_is_configurable() -> None:
    autotuner, enough = Autotuner([1, 2], trial_seconds=5.0 * TRIAL_BATCHES), 5 * TRIAL_BATCHES
    assert play(autotuner, 3 * enough, lambda _: 1.0) == [1] * enough + [2] * enough + [1] * enough
    short = Autotuner([1, 2], trial_seconds=0.0)
    assert (
        play(short, 3 * TRIAL_BATCHES, lambda _: TRIAL_SECONDS / 1000)
        == [1] * TRIAL_BATCHES + [2] * TRIAL_BATCHES + [1] * TRIAL_BATCHES
    )


def test_for_short_batches_no_other_candidate_is_tried() -> None:
    autotuner = Autotuner([1, 2, 3], min_seconds=1.0)
    assert set(play(autotuner, 4 * MAX_RETRIAL_BATCHES, lambda _: 0.99)) == {1}
    assert autotuner.best == 1


def test_from_the_minimum_on_other_candidates_are_tried() -> None:
    for seconds, tried in ((1.0, {1, 2}), (0.99, {1})):
        assert (
            set(play(Autotuner([1, 2], min_seconds=1.0), 3 * TRIAL_BATCHES, {1: seconds, 2: 0.5}.__getitem__)) == tried
        )


def test_batches_that_have_become_long_enough_are_tried_later() -> None:
    autotuner = Autotuner([1, 2], min_seconds=1.0)
    assert set(play(autotuner, 2 * RETRIAL_BATCHES, {1: 0.5, 2: 0.1}.__getitem__)) == {1}
    play(autotuner, 3 * TRIAL_BATCHES, {1: 2.0, 2: 1.0}.__getitem__)
    assert autotuner.best == 2


def test_batches_that_have_become_short_go_back_to_the_first() -> None:
    autotuner = Autotuner([1, 2], min_seconds=1.0)
    play(autotuner, RETRIAL_BATCHES, {1: 4.0, 2: 2.0}.__getitem__)
    assert autotuner.best == 2
    assert play(autotuner, 3 * TRIAL_BATCHES, {1: 0.4, 2: 0.2}.__getitem__) == [2] * TRIAL_BATCHES + [1] * (
        2 * TRIAL_BATCHES
    )
    assert autotuner.best == 1


def test_the_minimum_applies_to_the_batch_and_not_to_the_row() -> None:
    autotuner = Autotuner([1, 2], min_seconds=1.0)
    for _ in range(TRIAL_BATCHES):
        autotuner.record(100, 2.0)
    assert autotuner.choose() == 2


def test_much_faster_batches_start_trials_early() -> None:
    autotuner = Autotuner([1, 2], retrial_ratio=0.5)
    play(autotuner, 3 * TRIAL_BATCHES, {1: 1.0, 2: 1.0}.__getitem__)
    assert play(autotuner, TRIAL_BATCHES, lambda _: 0.6) == [1] * TRIAL_BATCHES
    play(autotuner, TRIAL_BATCHES, lambda _: 0.4)  # among which the trials begin
    play(autotuner, 3 * TRIAL_BATCHES, {1: 0.4, 2: 0.1}.__getitem__)
    assert autotuner.best == 2


def test_without_a_retrial_ratio_faster_batches_start_none() -> None:
    autotuner = Autotuner([1, 2])
    play(autotuner, 3 * TRIAL_BATCHES, {1: 1.0, 2: 1.0}.__getitem__)
    assert set(play(autotuner, RETRIAL_BATCHES - 3 * TRIAL_BATCHES, lambda _: 0.01)) == {1}


def test_slow_batches_are_tried_again_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handler.batching.autotuner.RETRIAL_SECONDS", 50.0)
    autotuner = Autotuner([1, 2])
    play(autotuner, 3 * TRIAL_BATCHES, {1: 1.0, 2: 1.0}.__getitem__)  # after which the interval is twice as long
    assert set(play(autotuner, 100 - 3 * TRIAL_BATCHES, lambda _: 1.0)) == {1}
    assert play(autotuner, TRIAL_BATCHES + 1, {1: 1.0, 2: 0.5}.__getitem__)[-1] == 2
