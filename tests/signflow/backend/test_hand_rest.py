"""Resting hands are distinguished from signing ones."""

import numpy as np
import pytest

from signflow.archive import read_labels
from signflow.backend.hand_rest import is_rest, with_rests
from signflow.training.synthetic import make_signs, perform


@pytest.mark.parametrize("seed", range(5))
def test_hands_rest_between_performances_and_not_within(seed: int) -> None:
    for sign in make_signs(len(read_labels())):
        points = perform(sign, np.random.default_rng(seed))
        shown = with_rests(points, 3)
        rests = [is_rest(frame) for frame in shown]
        assert rests == [True] * 3 + [False] * len(points) + [True] * 3


def test_a_frame_without_a_body_rests() -> None:
    assert is_rest(np.full((75, 3), np.nan, np.float32))
