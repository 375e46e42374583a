"""The segmenter: which frames become signs, and what happens to frames that come during a translation."""

from hypothesis import given
from hypothesis import strategies as st

from signflow.backend.sign_segmenter import SignSegmenter, State

SIGN, REST = "s" * 10, "r" * 6


def feed(segmenter: SignSegmenter, script: str, start: int = 0) -> list[list[int]]:
    """Show numbered frames, "r" for resting hands and "s" for signing ones; the signs that ended."""
    seen = [segmenter.add_frame(start + number, letter == "r") for number, letter in enumerate(script)]
    return [sign for sign in seen if sign]


def test_resting_hands_change_nothing() -> None:
    segmenter = SignSegmenter()
    assert feed(segmenter, "r" * 100) == []
    assert repr(segmenter) == "<SignSegmenter IDLE, 0 frames recorded, 0 waiting>"


def test_a_raised_hand_starts_a_sign_and_rests_end_it_without_being_part_of_it() -> None:
    segmenter = SignSegmenter()
    feed(segmenter, "rrr" + "s")
    assert segmenter.state is State.RECORDING
    assert feed(segmenter, "s" * 9 + REST, start=4) == [list(range(3, 13))]
    assert segmenter.state is State.INFERRING


def test_a_short_rest_belongs_to_the_sign() -> None:
    assert feed(SignSegmenter(), SIGN + "rrrrr" + SIGN + REST) == [list(range(25))]


def test_a_twitch_is_no_sign() -> None:
    segmenter = SignSegmenter()
    assert feed(segmenter, "s" * 9 + REST) == []
    assert segmenter.state is State.IDLE


def test_a_sign_without_an_end_ends_by_itself() -> None:
    segmenter = SignSegmenter(max_frames=30)
    assert feed(segmenter, "s" * 40) == [list(range(30))]


def test_frames_that_come_during_a_translation_are_the_next_sign() -> None:
    segmenter = SignSegmenter()
    feed(segmenter, SIGN + REST + "ss")
    assert segmenter.finish_inference() is None
    assert segmenter.state is State.RECORDING
    assert feed(segmenter, "s" * 8 + REST, start=18) == [list(range(16, 26))]


def test_signs_that_ended_during_a_translation_follow_one_at_a_time() -> None:
    segmenter = SignSegmenter()
    feed(segmenter, (SIGN + REST) * 3)
    assert segmenter.finish_inference() == list(range(16, 26))
    assert segmenter.state is State.INFERRING
    assert segmenter.finish_inference() == list(range(32, 42))
    assert segmenter.finish_inference() is None
    assert segmenter.state is State.IDLE


def test_a_translation_that_takes_for_ever_does_not_fill_the_memory() -> None:
    segmenter = SignSegmenter(max_frames=30)
    feed(segmenter, SIGN + REST + "s" * 1000)
    assert repr(segmenter) == "<SignSegmenter INFERRING, 0 frames recorded, 30 waiting>"


@given(st.text("rs", max_size=300), st.lists(st.booleans(), max_size=300))
def test_no_frame_is_in_two_signs_and_every_sign_is_whole(script: str, answers: list[bool]) -> None:
    """Whenever the answers come: runs of frames in order, long enough, that begin with a raised hand."""
    segmenter, ended = SignSegmenter(rest_frames=2, min_frames=3, max_frames=20), []
    for number, letter in enumerate(script):
        ended.append(segmenter.add_frame(number, letter == "r"))
        if segmenter.state is State.INFERRING and number < len(answers) and answers[number]:
            ended.append(segmenter.finish_inference())
    signs = [sign for sign in ended if sign]
    frames = [frame for sign in signs for frame in sign]
    assert frames == sorted(set(frames))
    for sign in signs:
        assert 3 <= len(sign) <= 20
        assert script[sign[0]] == "s"
