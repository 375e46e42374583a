"""Two settings, compared by pairs of blocks."""

import random
from collections.abc import Callable

import pytest

from handler.batching.trial import MAX_PAIRS, MIN_PAIRS, Trial

Seconds = Callable[[bool], float]


def play(trial: Trial, seconds: Seconds) -> tuple[bool, int]:
    """Whether the other setting has won, and after how many blocks."""
    for blocks in range(1, 2 * MAX_PAIRS + 1):
        taken = seconds(trial.is_of_other)
        won = trial.record(taken, taken)
        if won is not None:
            return won, blocks
    raise AssertionError("it does not end")


@pytest.mark.parametrize(("other", "won"), [(0.5, True), (0.9, True), (0.96, False), (1.0, False), (1.5, False)])
def test_a_clear_difference_is_seen_in_the_fewest_pairs(other: float, won: bool) -> None:
    assert play(Trial(), lambda is_other: other if is_other else 1.0) == (won, 2 * MIN_PAIRS)


def test_a_setting_that_takes_far_longer_is_tried_twice() -> None:
    trial = Trial()
    assert play(trial, lambda is_other: 10.0 if is_other else 1.0) == (False, 4)
    assert trial.cost == pytest.approx(18.0)


@pytest.mark.parametrize("other", [0.6, 1.4])
def test_noise_misleads_seldom(other: float) -> None:
    source = random.Random(1)
    verdicts = [
        play(Trial(), lambda is_other: (other if is_other else 1.0) * max(0.3, source.gauss(1.0, 0.2)))[0]
        for _ in range(500)
    ]
    assert verdicts.count(other < 1.0) >= 490


def test_one_odd_block_decides_nothing() -> None:
    for odd in range(2 * MIN_PAIRS):
        blocks = iter(range(2 * MAX_PAIRS))
        assert not play(Trial(), lambda _, blocks=blocks, odd=odd: 100.0 if next(blocks) == odd else 1.0)[0]


def test_sizes_that_alternate_favour_neither() -> None:
    for first in (0, 1):
        blocks = iter(range(first, 100))
        assert not play(Trial(), lambda _, blocks=blocks: 1.0 + next(blocks) % 2)[0]
