"""Neighbours differ a little, are repeatable, and leave masks alone."""

import numpy as np

from app.commands.optimize.neighbours import neighbour

ROWS = np.array([[0.0, 1.0, -2.0, 3.0]], np.float32)


def test_numbers_change_a_little_and_zeros_stay() -> None:
    changed = neighbour({"x": ROWS}, 1)["x"]
    assert changed.dtype == np.float32
    assert changed[0, 0] == 0
    assert 0 < np.abs(changed - ROWS).max() < 0.5


def test_a_seed_gives_the_same_neighbour_again() -> None:
    one, other, third = (neighbour({"x": ROWS}, seed)["x"] for seed in (1, 1, 2))
    assert np.array_equal(one, other)
    assert not np.array_equal(one, third)


def test_tokens_are_swapped_and_masks_stay() -> None:
    tokens, mask = np.arange(40).reshape(1, 40), np.ones((1, 40), np.int64)
    changed = neighbour({"ids": tokens, "mask": mask, "flag": mask.astype(bool)}, 3)
    assert np.array_equal(changed["mask"], mask)
    assert changed["flag"].dtype == bool
    assert 0 < (changed["ids"] != tokens).sum() <= 3
    assert changed["ids"][0, 0] == 0
