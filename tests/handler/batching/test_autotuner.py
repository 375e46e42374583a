"""Which of a few settings serves fastest: found by trying."""

from collections.abc import Callable
from itertools import pairwise
from math import inf

import pytest

from handler.batching.autotuner import LONGEST, MOMENT, SEASON, TRIAL, Autotuner


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seasons are counted in batches here, however long those take."""
    monkeypatch.setattr("handler.batching.autotuner.SPELL", inf)


def play(contest: Autotuner[int], batches: int, seconds: Callable[[int], float]) -> list[int]:
    """Serve so many batches, each of which takes what its setting says; the settings in order."""
    picked = []
    for _ in range(batches):
        picked.append(contest.pick())
        contest.note(1, seconds(picked[-1]))
    return picked


def test_a_single_candidate_is_never_doubted() -> None:
    assert set(play(Autotuner([3, 3]), 2 * SEASON, float)) == {3}


def test_the_faster_one_is_found_and_kept_for_the_season() -> None:
    contest = Autotuner([1, 2])
    assert play(contest, 3 * TRIAL, {1: 1.0, 2: 0.5}.__getitem__) == [1] * TRIAL + [2] * TRIAL + [1] * TRIAL
    assert set(play(contest, SEASON - 3 * TRIAL, {1: 1.0, 2: 0.5}.__getitem__)) == {2}


def test_a_small_lead_changes_nothing() -> None:
    contest = Autotuner([1, 2])
    play(contest, 3 * TRIAL, {1: 1.0, 2: 0.9}.__getitem__)
    assert contest.best == 1


def test_a_lead_that_has_become_small_is_not_kept() -> None:
    contest = Autotuner([1, 2])
    play(contest, SEASON, {1: 1.0, 2: 0.5}.__getitem__)
    assert contest.best == 2
    play(contest, 3 * TRIAL, {1: 1.0, 2: 0.9}.__getitem__)
    assert contest.best == 1


def test_short_batches_are_tried_for_longer() -> None:
    contest, enough = Autotuner([1, 2]), 2 * TRIAL
    picked = play(contest, 3 * enough, {1: MOMENT / enough * 1.001, 2: MOMENT / enough * 1.001}.__getitem__)
    assert picked == [1] * enough + [2] * enough + [1] * enough


def test_trials_that_change_nothing_become_rare() -> None:
    contest = Autotuner([1, 2])
    picked = play(contest, 8 * LONGEST, {1: 1.0, 2: 1.0}.__getitem__)
    began = [at for at, (before, now) in enumerate(zip([1, *picked], picked, strict=False)) if (before, now) == (1, 2)]
    gaps = [later - earlier for earlier, later in pairwise(began)]
    assert gaps[:3] == [2 * SEASON, 4 * SEASON, 8 * SEASON]
    assert set(gaps[4:]) == {LONGEST}


def test_the_first_batches_do_not_count() -> None:
    """They may be slow for reasons of their own."""
    contest = Autotuner([1, 2])
    play(contest, TRIAL, lambda _: 100.0)
    play(contest, 2 * TRIAL, {1: 0.5, 2: 1.0}.__getitem__)
    assert contest.best == 1


def test_one_odd_batch_decides_nothing() -> None:
    contest, odd = Autotuner([1, 2]), iter([1.0] * (3 * TRIAL - 2) + [0.001, 1.0])
    play(contest, 3 * TRIAL, lambda _: next(odd))
    assert contest.best == 1


def test_what_has_changed_is_seen_in_the_next_season() -> None:
    contest = Autotuner([1, 2])
    play(contest, SEASON, {1: 1.0, 2: 0.5}.__getitem__)
    assert contest.best == 2
    play(contest, 3 * TRIAL, {1: 0.5, 2: 1.0}.__getitem__)
    assert contest.best == 1


def test_how_clear_a_lead_must_be_can_be_said() -> None:
    for lead, best in ((0.95, 2), (0.91, 2), (0.89, 1), (0.5, 1)):
        contest = Autotuner([1, 2], lead=lead)
        play(contest, 3 * TRIAL, {1: 1.0, 2: 0.9}.__getitem__)
        assert contest.best == best


def test_how_long_a_trial_takes_can_be_said() -> None:
    contest, enough = Autotuner([1, 2], moment=5.0 * TRIAL), 5 * TRIAL
    assert play(contest, 3 * enough, lambda _: 1.0) == [1] * enough + [2] * enough + [1] * enough
    short = Autotuner([1, 2], moment=0.0)
    assert play(short, 3 * TRIAL, lambda _: MOMENT / 1000) == [1] * TRIAL + [2] * TRIAL + [1] * TRIAL


def test_where_nothing_is_worth_the_trouble_no_other_is_tried() -> None:
    contest = Autotuner([1, 2, 3], worth=1.0)
    assert set(play(contest, 4 * LONGEST, lambda _: 0.99)) == {1}
    assert contest.best == 1


def test_from_what_is_worth_the_trouble_on_others_are_tried() -> None:
    for seconds, tried in ((1.0, {1, 2}), (0.99, {1})):
        assert set(play(Autotuner([1, 2], worth=1.0), 3 * TRIAL, {1: seconds, 2: 0.5}.__getitem__)) == tried


def test_batches_that_have_become_worth_it_are_tried_in_a_later_season() -> None:
    contest = Autotuner([1, 2], worth=1.0)
    assert set(play(contest, 2 * SEASON, {1: 0.5, 2: 0.1}.__getitem__)) == {1}
    play(contest, 3 * TRIAL, {1: 2.0, 2: 1.0}.__getitem__)
    assert contest.best == 2


def test_batches_that_are_no_longer_worth_it_go_back_to_the_first() -> None:
    contest = Autotuner([1, 2], worth=1.0)
    play(contest, SEASON, {1: 4.0, 2: 2.0}.__getitem__)
    assert contest.best == 2
    assert play(contest, 3 * TRIAL, {1: 0.4, 2: 0.2}.__getitem__) == [2] * TRIAL + [1] * (2 * TRIAL)
    assert contest.best == 1


def test_it_is_the_batch_and_not_the_row_that_has_to_be_worth_it() -> None:
    contest = Autotuner([1, 2], worth=1.0)
    for _ in range(TRIAL):
        contest.note(100, 2.0)
    assert contest.pick() == 2


def test_a_leap_calls_for_trials_before_the_season_is_over() -> None:
    contest = Autotuner([1, 2], leap=0.5)
    play(contest, 3 * TRIAL, {1: 1.0, 2: 1.0}.__getitem__)
    assert play(contest, TRIAL, lambda _: 0.6) == [1] * TRIAL
    play(contest, TRIAL, lambda _: 0.4)  # among which the trials begin
    play(contest, 3 * TRIAL, {1: 0.4, 2: 0.1}.__getitem__)
    assert contest.best == 2


def test_without_a_leap_given_none_is_seen() -> None:
    contest = Autotuner([1, 2])
    play(contest, 3 * TRIAL, {1: 1.0, 2: 1.0}.__getitem__)
    assert set(play(contest, SEASON - 3 * TRIAL, lambda _: 0.01)) == {1}


def test_slow_batches_get_other_trials_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handler.batching.autotuner.SPELL", 50.0)
    contest = Autotuner([1, 2])
    play(contest, 3 * TRIAL, {1: 1.0, 2: 1.0}.__getitem__)  # after which seasons are twice as long
    assert set(play(contest, 100 - 3 * TRIAL, lambda _: 1.0)) == {1}
    assert play(contest, TRIAL + 1, {1: 1.0, 2: 0.5}.__getitem__)[-1] == 2
