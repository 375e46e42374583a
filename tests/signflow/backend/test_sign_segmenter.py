"""SignFlow's state machine: which frames become signs, and what happens while one is being translated."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signflow.archive import read_labels
from signflow.backend.hand_rest import is_rest, with_rests
from signflow.backend.sign_segmenter import Signer, State
from signflow.training.synthetic import make_signs, perform

SIGN, REST = "s" * 10, "r" * 6


def feed(signer: Signer, script: str, start: int = 0) -> list[list[int]]:
    """Show numbered frames, "r" for resting hands and "s" for signing ones; the signs that ended."""
    seen = [signer.see(start + number, letter == "r") for number, letter in enumerate(script)]
    return [sign for sign in seen if sign]


def test_resting_hands_change_nothing() -> None:
    signer = Signer()
    assert feed(signer, "r" * 100) == []
    assert repr(signer) == "<Signer IDLE, 0 frames recorded, 0 waiting>"


def test_a_raised_hand_starts_a_sign_and_rests_end_it_without_being_part_of_it() -> None:
    signer = Signer()
    feed(signer, "rrr" + "s")
    assert signer.state is State.RECORDING
    assert feed(signer, "s" * 9 + REST, start=4) == [list(range(3, 13))]
    assert signer.state is State.INFERRING


def test_a_short_rest_belongs_to_the_sign() -> None:
    assert feed(Signer(), SIGN + "rrrrr" + SIGN + REST) == [list(range(25))]


def test_a_twitch_is_no_sign() -> None:
    signer = Signer()
    assert feed(signer, "s" * 9 + REST) == []
    assert signer.state is State.IDLE


def test_a_sign_without_an_end_ends_by_itself() -> None:
    signer = Signer(longest=30)
    assert feed(signer, "s" * 40) == [list(range(30))]


def test_frames_that_come_during_a_translation_are_the_next_sign() -> None:
    signer = Signer()
    feed(signer, SIGN + REST + "ss")
    assert signer.answered() is None
    assert signer.state is State.RECORDING
    assert feed(signer, "s" * 8 + REST, start=18) == [list(range(16, 26))]


def test_signs_that_ended_during_a_translation_follow_one_at_a_time() -> None:
    signer = Signer()
    feed(signer, (SIGN + REST) * 3)
    assert signer.answered() == list(range(16, 26))
    assert signer.state is State.INFERRING
    assert signer.answered() == list(range(32, 42))
    assert signer.answered() is None
    assert signer.state is State.IDLE


def test_a_translation_that_takes_for_ever_does_not_fill_the_memory() -> None:
    signer = Signer(longest=30)
    feed(signer, SIGN + REST + "s" * 1000)
    assert repr(signer) == "<Signer INFERRING, 0 frames recorded, 30 waiting>"


@given(st.text("rs", max_size=300), st.lists(st.booleans(), max_size=300))
def test_no_frame_is_in_two_signs_and_every_sign_is_whole(script: str, answers: list[bool]) -> None:
    """Whenever the answers come: runs of frames in order, long enough, that begin with a raised hand."""
    signer, ended = Signer(rests=2, shortest=3, longest=20), []
    for number, letter in enumerate(script):
        ended.append(signer.see(number, letter == "r"))
        if signer.state is State.INFERRING and number < len(answers) and answers[number]:
            ended.append(signer.answered())
    signs = [sign for sign in ended if sign]
    frames = [frame for sign in signs for frame in sign]
    assert frames == sorted(set(frames))
    for sign in signs:
        assert 3 <= len(sign) <= 20
        assert script[sign[0]] == "s"


@pytest.mark.parametrize("seed", range(5))
def test_hands_rest_between_performances_and_not_within(seed: int) -> None:
    for sign in make_signs(len(read_labels())):
        points = perform(sign, np.random.default_rng(seed))
        shown = with_rests(points, 3)
        rests = [is_rest(frame) for frame in shown]
        assert rests == [True] * 3 + [False] * len(points) + [True] * 3


def test_a_frame_without_a_body_rests() -> None:
    assert is_rest(np.full((75, 3), np.nan, np.float32))
