"""Landmarks to what the model sees: normalised, resampled to 64 frames, enriched to 469 numbers per frame.

The backend and the archive share this file. Everything works on all frames at once, `resample` and `enrich` on whole
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
"""Normalised coordinates reach no further, to either side."""

LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_ELBOW, RIGHT_ELBOW, LEFT_WRIST, RIGHT_WRIST = range(11, 17)
LEFT_HIP, RIGHT_HIP = 23, 24
WRIST, MIDDLE_TIP = 0, 12
TIPS = [8, 12, 16, 20]
FACING = [0, 4, 8, 12, 20]
"""The points of one hand whose distance to the other hand's counts."""

_NO_HAND = [[np.nan] * 3] * HAND


def landmarks(frames: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Points [frames, 75, 3] of frames as they come from a camera; NaN where a hand is missing.

    A frame is {"hands": {"left": 21 points or None, "right": 21 points or None}, "pose": 33 points}, and a point
    [x, y, z] or {"x": ..., "y": ..., "z": ...}; more than these three is left out. Raises ValueError, which
    names the frame.
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

    Both come from the same frame. What is not a number, and so a missing hand, becomes 0.
    """
    pose = points[..., 2 * HAND :, :]
    left_shoulder, right_shoulder = pose[..., LEFT_SHOULDER, :], pose[..., RIGHT_SHOULDER, :]
    left_hip, right_hip = pose[..., LEFT_HIP, :], pose[..., RIGHT_HIP, :]
    with np.errstate(invalid="ignore", over="ignore"):
        middle = (left_hip + right_hip) / 2
        torso = (left_shoulder + right_shoulder) / 2 - middle
        size = np.full(points.shape[:-2], 1e-3, np.float32)
        for extent in (left_shoulder - right_shoulder, left_hip - right_hip, torso):
            size = np.fmax(size, np.linalg.norm(extent, axis=-1))
        placed = (points - middle[..., None, :]) / size[..., None, None]
    placed = np.nan_to_num(placed, nan=0.0, posinf=LIMIT, neginf=-LIMIT).clip(-LIMIT, LIMIT)
    return placed.reshape(*points.shape[:-2], POSITIONS).astype(np.float32, copy=False)


def resample(frames: np.ndarray, count: int = FRAMES) -> np.ndarray:
    """Frames [..., n, numbers] stretched or shrunk to [..., count, numbers], linearly; the first and the last stay."""
    last = frames.shape[-2] - 1
    at = np.arange(count) * last / (count - 1)
    before = at.astype(int)
    after = np.minimum(before + 1, last)
    part = (at - before).astype(np.float32)[:, None]
    return frames[..., before, :] * (1 - part) + frames[..., after, :] * part


def enrich(positions: np.ndarray) -> np.ndarray:
    """Windows [..., frames, 469] of positions [..., frames, 225].

    In this order: the positions, their changes since the frame before, 5 distances between the hands, 4 joint angles in
    radians (elbows, wrists; left before right) and 5 numbers on the shape of each hand.
    """
    changes = np.diff(positions, axis=-2, prepend=positions[..., :1, :])
    points = positions.reshape(*positions.shape[:-1], POINTS, 3)
    left, right, pose = np.split(points, [HAND, 2 * HAND], axis=-2)
    between = np.linalg.norm(left[..., FACING, :] - right[..., FACING, :], axis=-1)
    angles = _angles(
        [
            pose[..., LEFT_SHOULDER, :],
            pose[..., RIGHT_SHOULDER, :],
            pose[..., LEFT_ELBOW, :],
            pose[..., RIGHT_ELBOW, :],
        ],
        [pose[..., LEFT_ELBOW, :], pose[..., RIGHT_ELBOW, :], left[..., WRIST, :], right[..., WRIST, :]],
        [pose[..., LEFT_WRIST, :], pose[..., RIGHT_WRIST, :], left[..., MIDDLE_TIP, :], right[..., MIDDLE_TIP, :]],
    )
    parts = [positions, changes, between, angles, _shape(left), _shape(right)]
    return np.nan_to_num(np.concatenate(parts, axis=-1, dtype=np.float32), nan=0.0)


def make_window(points: np.ndarray) -> np.ndarray:
    """The window [64, 469] of points [frames, 75, 3], at least one frame: all steps in one."""
    return enrich(resample(normalise(points)))


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


def _angles(ends: list[np.ndarray], joints: list[np.ndarray], other_ends: list[np.ndarray]) -> np.ndarray:
    """The angles [..., n] at n joints, in radians; a right angle where an arm has no length."""
    joint = np.stack(joints, axis=-2)
    one, other = np.stack(ends, axis=-2) - joint, np.stack(other_ends, axis=-2) - joint
    lengths = [np.maximum(np.linalg.norm(arm, axis=-1), 1e-8) for arm in (one, other)]
    cosines = np.sum(one * other, axis=-1) / (lengths[0] * lengths[1])
    return np.arccos(cosines.clip(-1, 1))


def _shape(hand: np.ndarray) -> np.ndarray:
    """The mean distance of four finger tips from the wrist, then the four: [..., 5]."""
    distances = np.linalg.norm(hand[..., TIPS, :] - hand[..., :1, :], axis=-1)
    return np.concatenate([distances.mean(axis=-1, keepdims=True), distances], axis=-1)
