"""Hands at rest: a check of one frame, and frames with hands at rest around others."""

import math

import numpy as np

from signflow.archive.features import (
    HAND,
    LEFT_HIP,
    LEFT_SHOULDER,
    LEFT_WRIST,
    RIGHT_HIP,
    RIGHT_SHOULDER,
    RIGHT_WRIST,
)

RAISED_HEIGHT = 0.2
"""A wrist this far above the hips, in sizes of the body, does not rest."""
_POSE = 2 * HAND
_JOINTS = [_POSE + joint for joint in (LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HIP, RIGHT_HIP, LEFT_WRIST, RIGHT_WRIST)]
_HANDS_OF_POSE = slice(_POSE + LEFT_WRIST, _POSE + LEFT_HIP)


def is_rest(points: np.ndarray) -> bool:
    """Whether neither wrist is raised in points [75, 3], whose y goes down; an unseen wrist rests."""
    # Plain floats: for so few points, numpy takes ten times as long.
    left_shoulder, right_shoulder, left_hip, right_hip, *wrists = points[_JOINTS].tolist()
    shoulders, hips = _middle(left_shoulder, right_shoulder), _middle(left_hip, right_hip)
    extents = (math.dist(left_shoulder, right_shoulder), math.dist(left_hip, right_hip), math.dist(shoulders, hips))
    size = max((extent for extent in extents if not math.isnan(extent)), default=math.nan)
    return not any(hips[1] - y >= RAISED_HEIGHT * size for _, y, _ in wrists)


def with_rests(points: np.ndarray, count: int) -> np.ndarray:
    """Points [frames, 75, 3] with `count` frames before and after in which the arms hang and no hand is seen."""
    return np.concatenate([_rest_frames(points[0], count), points, _rest_frames(points[-1], count)])


def _middle(one: list[float], other: list[float]) -> list[float]:
    return [(a + b) / 2 for a, b in zip(one, other, strict=True)]


def _rest_frames(frame: np.ndarray, count: int) -> np.ndarray:
    rest = frame.copy()
    rest[:_POSE] = np.nan
    hips = frame[[_POSE + LEFT_HIP, _POSE + RIGHT_HIP]]
    rest[_HANDS_OF_POSE] = np.tile(hips, (4, 1))
    return np.repeat(rest[None], count, axis=0)
