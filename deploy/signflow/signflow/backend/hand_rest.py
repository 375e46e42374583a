"""Tells whether hands rest in a frame, and makes frames in which they do."""

import numpy as np

from signflow.archive.features import HAND, LEFT_HIP, LEFT_WRIST, POINTS, RIGHT_HIP, RIGHT_WRIST, normalise

RAISED_HEIGHT = 0.2
"""A wrist this far above the hips, in sizes of the body, does not rest."""
_POSE = 2 * HAND
_WRISTS = [_POSE + LEFT_WRIST, _POSE + RIGHT_WRIST]
_HANDS_OF_POSE = slice(_POSE + LEFT_WRIST, _POSE + LEFT_HIP)


def is_rest(points: np.ndarray) -> bool:
    """Whether neither wrist is raised in points [75, 3], whose y goes down; an unseen wrist rests."""
    heights = -normalise(points).reshape(POINTS, 3)[_WRISTS, 1]
    return bool((heights < RAISED_HEIGHT).all())


def with_rests(points: np.ndarray, count: int) -> np.ndarray:
    """Points [frames, 75, 3] with `count` frames before and after in which the arms hang and no hand is seen."""
    return np.concatenate([_resting(points[0], count), points, _resting(points[-1], count)])


def _resting(frame: np.ndarray, count: int) -> np.ndarray:
    resting = frame.copy()
    resting[:_POSE] = np.nan
    hips = frame[[_POSE + LEFT_HIP, _POSE + RIGHT_HIP]]
    resting[_HANDS_OF_POSE] = np.tile(hips, (4, 1))
    return np.repeat(resting[None], count, axis=0)
