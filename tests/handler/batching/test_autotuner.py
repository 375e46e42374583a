"""The choice of the fastest setting by trials."""

import random
from collections.abc import Callable

import pytest

from handler.batching.autotuner import HISTORY_BLOCKS, RETRIAL_SECONDS, SETTLING_BLOCKS, Autotuner, Decision
from handler.batching.trial import MIN_PAIRS
from tests.benchmarks.controllers import measure

BEFORE_TRIAL = SETTLING_BLOCKS + HISTORY_BLOCKS
TRIAL = 2 * MIN_PAIRS


def play(autotuner: Autotuner[int], batches: int, seconds: Callable[[int], float]) -> list[int]:
    """Serve so many batches, each for the seconds of its setting; returns the settings in order."""
    chosen = []
    for _ in range(batches):
        chosen.append(autotuner.choose())
        autotuner.record(1, seconds(chosen[-1]))
    return chosen


def test_a_single_candidate_is_always_chosen() -> None:
    assert set(play(Autotuner([3, 3]), 1000, float)) == {3}


@pytest.mark.parametrize(("times", "best"), [({2: 0.2, 1: 0.1}, 1), ({2: 0.1, 1: 0.2}, 2), ({2: 0.1, 1: 0.098}, 2)])
def test_the_others_are_tried_soon(times: dict[int, float], best: int) -> None:
    autotuner = Autotuner([2, 1])
    chosen = play(autotuner, BEFORE_TRIAL + TRIAL, times.__getitem__)
    assert chosen == [2] * BEFORE_TRIAL + [1, 2, 2, 1, 1, 2]
    assert autotuner.best == best
    assert set(play(autotuner, int(RETRIAL_SECONDS / times[best] / 1.1), times.__getitem__)) == {best}


def test_the_first_batches_do_not_count() -> None:
    autotuner = Autotuner([2, 1])
    play(autotuner, SETTLING_BLOCKS, lambda _: 100.0)
    play(autotuner, HISTORY_BLOCKS + TRIAL, {1: 0.2, 2: 0.1}.__getitem__)
    assert autotuner.best == 2


def test_the_best_of_many_is_found() -> None:
    autotuner = Autotuner([16, 15, 8, 4, 1])
    play(autotuner, 60, {16: 0.050, 15: 0.049, 8: 0.020, 4: 0.015, 1: 0.045}.__getitem__)
    assert autotuner.best == 4


def test_a_change_is_followed_both_ways() -> None:
    autotuner, batches = Autotuner([2, 1]), int(3 / 0.04)
    for one in (0.02, 0.06, 0.02):
        play(autotuner, batches, {1: one, 2: 0.04}.__getitem__)
        assert autotuner.best == (1 if one < 0.04 else 2)


def test_trials_cost_little() -> None:
    times = {2: 0.4, 1: 0.7}
    chosen = play(Autotuner([2, 1]), 2000, times.__getitem__)
    assert chosen.count(1) * (times[1] - times[2]) < 0.035 * sum(map(times.__getitem__, chosen))


def test_a_block_is_as_many_batches_as_take_its_time() -> None:
    autotuner = Autotuner([2, 1], block_seconds=1.0)
    chosen = play(autotuner, 2 * (BEFORE_TRIAL + TRIAL), lambda _: 0.5)
    assert chosen[2 * BEFORE_TRIAL :] == [1, 1, 2, 2, 2, 2, 1, 1, 1, 1, 2, 2]


def test_short_batches_get_the_quick_setting_and_no_trial() -> None:
    autotuner = Autotuner([2, 1], quick=1, quick_seconds=0.002)
    assert set(play(autotuner, 10000, lambda _: 0.001)[BEFORE_TRIAL:]) == {1}
    play(autotuner, 50, {1: 0.05, 2: 0.03}.__getitem__)  # now they are long
    assert autotuner.best == 2


def test_changes_are_reported_with_their_reason() -> None:
    decisions: list[Decision] = []
    play(Autotuner([2, 1], on_change=decisions.append), 50, {1: 0.1, 2: 0.2}.__getitem__)
    assert decisions == [Decision(2, 1, "a request takes 50% less time")]


def test_a_noisy_start_is_no_bad_one() -> None:
    rows = {(row["scenario"], row["seconds"], row["rule"]): row for row in measure(20)}
    new = {key: row["worst start"] for key, row in rows.items() if key[2] == "alternating pairs"}
    assert new["nothing else runs", "3-20", "alternating pairs"] > 0.95
    assert new["a neighbour throughout", "3-20", "alternating pairs"] > 0.9
    assert new["a neighbour for the first 1.5 s", "4.5-20", "alternating pairs"] > 0.95
    assert min(new["a lone client", seconds, "alternating pairs"] for seconds in ("0-2", "3-6")) > 0.97
    assert rows["a neighbour for the first 1.5 s", "4.5-20", "blocks of five, 15 %"]["worst start"] < 0.85


def test_rows_of_a_batch_share_its_time() -> None:
    autotuner, source = Autotuner([2, 1]), random.Random(1)
    for _ in range(100):
        rows = source.choice((4, 8, 16))
        autotuner.record(rows, rows * (0.01 if autotuner.choose() == 2 else 0.007))
    assert autotuner.best == 1
