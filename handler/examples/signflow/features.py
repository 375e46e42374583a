"""Turns landmarks into the model's windows: normalised, resampled to 64 frames, enriched to 469 features per frame.

The backend and the archive share this file. All functions work on all frames at once, `resample` and `enrich` on whole
batches too; arrays are float32.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

HAND, POSE, POINTS = 21, 33, 75
"""Landmarks of a hand, of the pose, and of a frame: left hand, right hand, pose."""
FRAMES, FEATURES = 64, 469
POSITIONS = 3 * POINTS
LIMIT = 5.0
"""Normalised coordinates are clipped to this, to either side of 0."""

LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_ELBOW, RIGHT_ELBOW, LEFT_WRIST, RIGHT_WRIST = range(11, 17)
LEFT_HIP, RIGHT_HIP = 23, 24
WRIST, MIDDLE_TIP = 0, 12
TIPS = [8, 12, 16, 20]
FACING = [0, 4, 8, 12, 20]
"""The points of a hand whose distances to those of the other hand are features."""

_NO_HAND = [[np.nan] * 3] * HAND
_RIGHT, _POSE = HAND, 2 * HAND
"""Where the right hand and the pose begin among the 75 points."""
_JOINTS = [_POSE + LEFT_ELBOW, _POSE + RIGHT_ELBOW, WRIST, _RIGHT + WRIST]
_LINES = [
    *((point, _RIGHT + point) for point in FACING),
    *((tip, WRIST) for tip in TIPS),
    *((_RIGHT + tip, _RIGHT + WRIST) for tip in TIPS),
    *zip(
        [_POSE + LEFT_SHOULDER, _POSE + RIGHT_SHOULDER, _POSE + LEFT_ELBOW, _POSE + RIGHT_ELBOW], _JOINTS, strict=True
    ),
    *zip([_POSE + LEFT_WRIST, _POSE + RIGHT_WRIST, MIDDLE_TIP, _RIGHT + MIDDLE_TIP], _JOINTS, strict=True),
]
"""From point to point: between the hands, along each hand, and from each joint's two ends to the joint."""
_FROM, _TO = map(list, zip(*_LINES, strict=True))
_ARMS = len(FACING) + 2 * len(TIPS)
_BETWEEN, _ANGLES, _LEFT_TIPS, _RIGHT_TIPS = slice(0, 5), slice(5, 9), slice(10, 14), slice(15, 19)
_LEFT_MEAN, _RIGHT_MEAN = 9, 14
"""Where the numbers lie behind positions and changes."""


def landmarks(frames: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Points [frames, 75, 3] of frames as they come from a camera; NaN where a hand is missing.

    A frame is {"hands": {"left": 21 points or None, "right": 21 points or None}, "pose": 33 points}, and a point
    [x, y, z] or {"x": ..., "y": ..., "z": ...}; further coordinates are ignored. Raises ValueError, which names
    the frame.
    """
    points = [_points(frame, number) for number, frame in enumerate(frames)]
    if not points:
        raise ValueError("there are no frames")
    stacked = _numbers(points, (len(points), POINTS, 3))
    if stacked is None:
        faulty = next(number for number, frame in enumerate(points) if _numbers(frame, (POINTS, 3)) is None)
        raise ValueError(f"frame {faulty}: a point is not three numbers")
    return stacked


def normalise(points: np.ndarray) -> np.ndarray:
    """Positions [..., 225] of points [..., 75, 3], relative to the hips and the size of the body.

    Both come from the same frame. NaN, and so a missing hand, becomes 0.
    """
    pose = points[..., _POSE:, :]
    left_shoulder, right_shoulder = pose[..., LEFT_SHOULDER, :], pose[..., RIGHT_SHOULDER, :]
    left_hip, right_hip = pose[..., LEFT_HIP, :], pose[..., RIGHT_HIP, :]
    with np.errstate(invalid="ignore", over="ignore"):
        middle = (left_hip + right_hip) / 2
        torso = (left_shoulder + right_shoulder) / 2 - middle
        size = np.full(points.shape[:-2], 1e-3, np.float32)
        for extent in (left_shoulder - right_shoulder, left_hip - right_hip, torso):
            size = np.fmax(size, _lengths(extent))
        placed = points.reshape(*points.shape[:-2], POSITIONS) - np.tile(middle, POINTS)
        placed = (placed / size[..., None]).astype(np.float32, copy=False)
    np.clip(placed, -LIMIT, LIMIT, out=placed)
    np.copyto(placed, 0, where=np.isnan(placed))
    return placed


def resample(frames: np.ndarray, count: int = FRAMES) -> np.ndarray:
    """Frames [..., n, numbers] stretched or shrunk to [..., count, numbers], linearly; the first and the last stay."""
    before, after, part = _places(np.asarray(frames.shape[-2]), count)
    return _between(frames, before, after, part)


def enrich(positions: np.ndarray) -> np.ndarray:
    """Windows [..., frames, 469] of positions [..., frames, 225].

    In this order: the positions, their changes since the frame before, 5 distances between the hands, 4 joint angles in
    radians (elbows, wrists; left before right) and 5 numbers on the shape of each hand, of which the first is the mean
    distance of four finger tips from the wrist. An arm without length makes a right angle.
    """
    window = np.empty((*positions.shape[:-1], FEATURES), np.float32)
    window[..., :POSITIONS] = positions
    changes = window[..., POSITIONS : 2 * POSITIONS]
    changes[..., 0, :] = 0
    np.subtract(positions[..., 1:, :], positions[..., :-1, :], out=changes[..., 1:, :])
    points = positions.reshape(*positions.shape[:-1], POINTS, 3)
    lines = np.take(points, _FROM, axis=-2) - np.take(points, _TO, axis=-2)
    lengths = _lengths(lines)
    tail = window[..., 2 * POSITIONS :]
    tail[..., _BETWEEN], tail[..., _LEFT_TIPS], tail[..., _RIGHT_TIPS] = np.split(lengths[..., :_ARMS], [5, 9], axis=-1)
    tail[..., _LEFT_MEAN] = tail[..., _LEFT_TIPS].mean(axis=-1)
    tail[..., _RIGHT_MEAN] = tail[..., _RIGHT_TIPS].mean(axis=-1)
    tail[..., _ANGLES] = _angles(lines[..., _ARMS:, :], lengths[..., _ARMS:])
    np.copyto(window, 0, where=np.isnan(window))
    return window


def make_window(points: np.ndarray) -> np.ndarray:
    """The window [64, 469] of points [frames, 75, 3], at least one frame: all steps together."""
    return enrich(resample(normalise(points)))


def make_windows(performances: Sequence[np.ndarray]) -> np.ndarray:
    """Windows [n, 64, 469] of n performances, each of them points [frames, 75, 3], of any lengths."""
    lengths = np.array([len(points) for points in performances])
    begins = (np.cumsum(lengths) - lengths)[:, None]
    before, after, part = _places(lengths, FRAMES)
    positions = normalise(np.concatenate(performances))
    return enrich(_between(positions, begins + before, begins + after, part))


def _between(frames: np.ndarray, before: np.ndarray, after: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Frames [..., numbers] that lie between two of [n, numbers] each, by their indices [...]."""
    lower, upper = np.take(frames, before, axis=-2), np.take(frames, after, axis=-2)
    upper -= lower
    upper *= part
    upper += lower
    return upper


def _places(lengths: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where `count` frames lie among frames of these lengths [...]: after which, before which, and how far between."""
    last = lengths[..., None] - 1
    at = np.arange(count) * last / (count - 1)
    before = at.astype(int)
    return before, np.minimum(before + 1, last), (at - before).astype(np.float32)[..., None]


def _points(frame: Mapping[str, Any], number: int) -> list[Any]:
    """The 75 points of a frame in the order of the features."""
    if not isinstance(frame, Mapping):
        raise ValueError(f"frame {number} is no object with hands and pose")
    hands = frame.get("hands") or {}
    if not isinstance(hands, Mapping):
        raise ValueError(f"frame {number}: hands is no object with left and right")
    left = _body_part(hands.get("left") or _NO_HAND, HAND, f"frame {number}: the left hand")
    right = _body_part(hands.get("right") or _NO_HAND, HAND, f"frame {number}: the right hand")
    return [*left, *right, *_body_part(frame.get("pose"), POSE, f"frame {number}: the pose")]


def _body_part(points: Any, count: int, name: str) -> Sequence[Any]:
    if not isinstance(points, Sequence) or len(points) != count:
        raise ValueError(f"{name} is not {count} points")
    try:
        if isinstance(points[0], Mapping):
            return [(point["x"], point["y"], point["z"]) for point in points]
        # MediaPipe adds the visibility to the points of the pose
        return points if len(points[0]) == 3 else [point[:3] for point in points]
    except (KeyError, TypeError):
        raise ValueError(f"{name} has a point without x, y and z") from None


def _numbers(points: Sequence[Any], shape: tuple[int, ...]) -> np.ndarray | None:
    """The points as an array of that shape; None if they are not that."""
    try:
        with np.errstate(over="ignore"):
            array = np.array(points, np.float32)
    except (TypeError, ValueError, OverflowError):
        return None
    return array if array.shape == shape else None


def _lengths(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt(_products(vectors, vectors))


def _products(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Inner products of vectors [..., 3]; numpy's own functions are made for longer ones."""
    return one[..., 0] * other[..., 0] + one[..., 1] * other[..., 1] + one[..., 2] * other[..., 2]


def _angles(arms: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The angles [..., n], in radians, between the first n arms of [..., 2 n, 3] and the others, of these lengths."""
    half = arms.shape[-2] // 2
    lengths = np.maximum(lengths, 1e-8)
    products = _products(arms[..., :half, :], arms[..., half:, :])
    cosines = products / (lengths[..., :half] * lengths[..., half:])
    return np.arccos(cosines.clip(-1, 1))
