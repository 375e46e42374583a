"""Invented signs, no real language's: seeded motions of two hands before a body, as a camera would see them.

python -m signflow.training.synthetic please --seed 7 > body.json
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from signflow.archive import read_labels
from signflow.archive.features import HAND, enrich, normalise, resample

from .hand_model import left_hand, rotations

SEED = 1936
"""Of the committed signs; samples have seeds of their own."""

_BODY = np.array(
    [
        *[[0, 1.72, -0.3], [0.05, 1.78, -0.28], [0.08, 1.78, -0.28], [0.11, 1.78, -0.27]],
        *[[-0.05, 1.78, -0.28], [-0.08, 1.78, -0.28], [-0.11, 1.78, -0.27], [0.19, 1.75, -0.1], [-0.19, 1.75, -0.1]],
        *[[0.06, 1.64, -0.27], [-0.06, 1.64, -0.27], [0.5, 1.3, 0], [-0.5, 1.3, 0]],
        *[[0, 0, 0]] * 10,
        *[[0.3, 0, 0], [-0.3, 0, 0], [0.3, -1, 0], [-0.3, -1, 0], [0.3, -1.9, 0.1], [-0.3, -1.9, 0.1]],
        *[[0.3, -2, 0.15], [-0.3, -2, 0.15], [0.35, -2, -0.1], [-0.35, -2, -0.1]],
    ]
)
"""A standing person's pose about the hips' midpoint, in shoulder widths; the arms are put in with the hands."""
_FROM_HAND = [0, 17, 5, 2]
"""Points of the hand that the pose has too: wrist, little finger, index finger, thumb."""
_NEAREST, _FARTHEST = np.array([-0.1, 0.5, -0.8]), np.array([0.7, 1.8, -0.25])
"""Corners of the space before a left shoulder in which its hand signs."""


@dataclass(frozen=True)
class Gesture:
    """The movement of one hand: a curve with a wave on it, while fingers and wrist go from one state to another."""

    curve: np.ndarray
    """Four control points [4, 3] of a Bézier curve, of a left hand."""
    wave: np.ndarray
    """Reach of the wave [3]."""
    beats: float
    curls: np.ndarray
    """[2, 5], at the begin and at the end."""
    angles: np.ndarray
    """[2, 3], radians."""


@dataclass(frozen=True)
class Sign:
    """The gestures of both hands; a sign of one hand has none for the left one."""

    right_gesture: Gesture
    left_gesture: Gesture | None


def main(argv: list[str] | None = None) -> None:
    """Print a performance of the sign that is named, as the body of a request."""
    labels = read_labels()
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sign", choices=labels)
    parser.add_argument("--seed", type=int, default=0, help="another performance for every number")
    wanted = parser.parse_args(argv)
    sign = make_signs(len(labels))[labels.index(wanted.sign)]
    points = perform(sign, np.random.default_rng(wanted.seed))
    print(json.dumps({"frames": to_frames(points, 3)}, separators=(",", ":")))


def make_signs(count: int, seed: int = SEED) -> list[Sign]:
    """So many different signs, the same ones for each seed; the first ones do not depend on the count.

    Two in turn move alike and differ in their fingers and wrists alone, so that they are easily confused.
    """
    return [
        _make_sign(np.random.default_rng([seed, 0, index // 2]), np.random.default_rng([seed, 1, index]))
        for index in range(count)
    ]


def perform(sign: Sign, rng: np.random.Generator) -> np.ndarray:
    """Points [frames, 75, 3] of one performance before one camera, no two alike; NaN where a hand is not seen."""
    time = np.linspace(0, 1, rng.integers(18, 72)) ** rng.uniform(0.75, 1.35)
    left = _arm(sign.left_gesture, time, rng) if sign.left_gesture else _hanging_hand(time, rng)
    right = _arm(sign.right_gesture, time, rng) * [-1, 1, 1]
    pose = np.repeat(_BODY[None], len(time), axis=0) + rng.normal(0, 0.01, (33, 3))
    for side, hand in enumerate((left, right)):
        pose[:, 15 + side : 23 : 2] = hand[:, _FROM_HAND]
        elbow_bend = [0.12 - 0.24 * side, -0.25, 0.1]
        pose[:, 13 + side] = (pose[:, 11 + side] + hand[:, 0]) / 2 + elbow_bend
    points = np.concatenate([left, right, pose], axis=1)
    points += rng.normal(0, 0.012, points.shape)
    _hide(points, sign, rng)
    return _seen(points, rng)


def make_windows(signs: Sequence[Sign], each: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Windows [n, 64, 469] of `each` performances of every sign, and the signs' numbers [n], in turn."""
    rng = np.random.default_rng(seed)
    positions = [resample(normalise(perform(sign, rng))) for _ in range(each) for sign in signs]
    return enrich(np.stack(positions).astype(np.float32)), np.tile(np.arange(len(signs)), each)


def to_frames(points: np.ndarray, digits: int = 4) -> list[dict[str, Any]]:
    """Frames as a landmark library gives them, of points [frames, 75, 3]."""
    frames = []
    for frame in points.astype(float).round(digits):
        left, right, pose = np.split(frame, [HAND, 2 * HAND])
        hands = {
            name: None if np.isnan(hand).any() else hand.tolist() for name, hand in (("left", left), ("right", right))
        }
        frames.append({"hands": hands, "pose": pose.tolist()})
    return frames


def _make_sign(motion: np.random.Generator, shape: np.random.Generator) -> Sign:
    kind = motion.choice(["one hand", "alike", "different"], p=[0.5, 0.25, 0.25])
    right, other = _make_gesture(motion, shape), _make_gesture(motion, shape)
    return Sign(right, {"one hand": None, "alike": right, "different": other}[kind])


def _make_gesture(motion: np.random.Generator, shape: np.random.Generator) -> Gesture:
    return Gesture(
        curve=motion.uniform(_NEAREST, _FARTHEST, (4, 3)),
        wave=motion.uniform(0, 0.15, 3) * motion.integers(0, 2),
        beats=motion.uniform(1, 4),
        curls=shape.uniform(0, 1, (2, 5)),
        angles=shape.uniform(-0.8, 0.8, (2, 3)),
    )


def _arm(gesture: Gesture, time: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The left hand's points [frames, 21, 3] about the hips."""
    t = time[:, None]
    curve = gesture.curve + rng.normal(0, 0.16, (4, 3))
    path = (1 - t) ** 3 * curve[0] + 3 * t * (1 - t) ** 2 * curve[1] + 3 * t**2 * (1 - t) * curve[2] + t**3 * curve[3]
    path = path + gesture.wave * np.sin(2 * np.pi * gesture.beats * t + rng.normal(0, 0.3))
    curls = (1 - t) * gesture.curls[0] + t * gesture.curls[1] + rng.normal(0, 0.2, 5)
    angles = (1 - t) * gesture.angles[0] + t * gesture.angles[1] + rng.normal(0, 0.3, 3)
    return path[:, None] + left_hand(curls.clip(0, 1), angles)


def _hanging_hand(time: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A left hand that hangs beside the body."""
    still = np.ones((len(time), 1))
    hand = left_hand(still * rng.uniform(0.1, 0.4, 5), still * [0, 0, np.pi])
    return np.array([0.55, 0.1, 0]) + rng.normal(0, 0.03, 3) + hand


def _hide(points: np.ndarray, sign: Sign, rng: np.random.Generator) -> None:
    """Lose a hand in some frames, as landmark libraries do, and a resting one often for the whole time."""
    for hand in (slice(0, HAND), slice(HAND, 2 * HAND)):
        points[rng.random(len(points)) < 0.04, hand] = np.nan
    if sign.left_gesture is None and rng.random() < 0.6:
        points[:, :HAND] = np.nan


def _seen(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """In the picture of a camera: x to the right and y down, from 0 to 1 within it."""
    turned = points @ rotations(rng.normal(0, [[0.05, 0.15, 0.03]]))[0].T
    size = rng.uniform(0.12, 0.22)
    middle = [rng.uniform(0.4, 0.6), rng.uniform(0.7, 0.9), 0]
    return (middle + size * turned * [1, -1, 1]).astype(np.float32)


if __name__ == "__main__":
    main()
