"""SignFlow's features, against values worked out by hand and against a slow second implementation."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.examples.signflow.features import enrich, landmarks, make_window, make_windows, normalise, resample

Point = list[float]


def random_points(frames: int, seed: int = 0) -> np.ndarray:
    """Points as a camera gives them, each hand missing now and then."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, 1, (frames, 75, 3)).astype(np.float32)
    points[rng.random(frames) < 0.3, :21] = np.nan
    points[rng.random(frames) < 0.3, 21:42] = np.nan
    return points


def frame_of(points: np.ndarray) -> dict[str, Any]:
    """One frame of landmarks in the backend's form."""
    left, right, pose = points[:21], points[21:42], points[42:]
    hands = {
        "left": None if np.isnan(left).all() else left.tolist(),
        "right": None if np.isnan(right).all() else right.tolist(),
    }
    return {"hands": hands, "pose": pose.tolist()}


def distance(one: Point, other: Point) -> float:
    return math.dist(one, other)


def middle(one: Point, other: Point) -> Point:
    return [(a + b) / 2 for a, b in zip(one, other, strict=True)]


def angle(end: Point, joint: Point, other: Point) -> float:
    one, two = ([a - b for a, b in zip(point, joint, strict=True)] for point in (end, other))
    lengths = max(math.hypot(*one), 1e-8) * max(math.hypot(*two), 1e-8)
    return math.acos(max(-1.0, min(1.0, sum(a * b for a, b in zip(one, two, strict=True)) / lengths)))


def slow_positions(frame: dict[str, Any]) -> list[float]:
    """The 225 numbers of a frame, one after the other."""
    pose = frame["pose"]
    origin = middle(pose[23], pose[24])
    shoulders = distance(pose[11], pose[12])
    torso = distance(middle(pose[11], pose[12]), origin)
    size = max(shoulders, distance(pose[23], pose[24]), torso, 1e-3)
    numbers = []
    for part, count in ((frame["hands"]["left"], 21), (frame["hands"]["right"], 21), (pose, 33)):
        for point in part or [origin] * count:
            placed = [(x - o) / size for x, o in zip(point, origin, strict=True)]
            numbers += [0.0 if math.isnan(number) else max(-5.0, min(5.0, number)) for number in placed]
    return numbers


def slow_resampled(rows: list[list[float]], count: int) -> list[list[float]]:
    """Linear interpolation over [0, 1]."""
    result = []
    for step in range(count):
        place = step / (count - 1) * (len(rows) - 1)
        first = min(int(place), len(rows) - 1)
        second = min(first + 1, len(rows) - 1)
        result.append([a + (b - a) * (place - first) for a, b in zip(rows[first], rows[second], strict=True)])
    return result


def slow_enriched(row: list[float], before: list[float]) -> list[float]:
    """The 469 numbers of a frame."""
    points = [row[start : start + 3] for start in range(0, 225, 3)]
    left, right, pose = points[:21], points[21:42], points[42:]
    numbers = row + [a - b for a, b in zip(row, before, strict=True)]
    numbers += [distance(left[k], right[k]) for k in (0, 4, 8, 12, 20)]
    numbers += [angle(pose[11], pose[13], pose[15]), angle(pose[12], pose[14], pose[16])]
    numbers += [angle(pose[13], left[0], left[12]), angle(pose[14], right[0], right[12])]
    for hand in (left, right):
        tips = [distance(hand[k], hand[0]) for k in (8, 12, 16, 20)]
        numbers += [sum(tips) / 4, *tips]
    return numbers


def slow_window(points: np.ndarray) -> np.ndarray:
    """All steps, number by number."""
    rows = slow_resampled([slow_positions(frame_of(frame)) for frame in points], 64)
    return np.array([slow_enriched(row, before) for before, row in zip([rows[0], *rows], rows, strict=False)])


def assert_same(window: np.ndarray, wanted: np.ndarray) -> None:
    """Equal but for the rounding of float32; arccos is steep at its ends."""
    assert (window.shape, window.dtype) == ((64, 469), np.float32)
    np.testing.assert_allclose(window[:, 455:459], wanted[:, 455:459], atol=5e-3)
    np.testing.assert_allclose(np.delete(window, range(455, 459), 1), np.delete(wanted, range(455, 459), 1), atol=2e-5)


@pytest.mark.parametrize("frames", [1, 2, 17, 64, 90])
def test_a_window_is_what_the_slow_implementation_makes(frames: int) -> None:
    points = random_points(frames, seed=frames)
    assert_same(make_window(points), slow_window(points))


@settings(max_examples=10, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 80), st.integers(0, 2**32 - 1)), min_size=1, max_size=3),
    st.sampled_from([0.1, 1, 100]),
    st.lists(st.tuples(st.integers(0, 41), st.integers(0, 2)), max_size=5),
)
def test_so_is_a_batch_of_any_performances(
    performances: list[tuple[int, int]], scale: float, unseen: list[tuple[int, int]]
) -> None:
    """Of any lengths, on any scale, with hands that come and go and hand points without a number."""
    batch = [scale * random_points(frames, seed) for frames, seed in performances]
    for points in batch:
        for point, axis in unseen:
            seen = ~np.isnan(points[:, 21 * (point // 21)]).any(axis=1)
            points[seen, point, axis] = np.nan
    for points, window in zip(batch, make_windows(batch), strict=True):
        assert_same(window, slow_window(points))


def test_positions_are_relative_to_the_hips_and_the_largest_extent() -> None:
    points = np.zeros((1, 75, 3))
    points[0, 42 + 23], points[0, 42 + 24] = [0.4, 0.8, 0], [0.6, 0.8, 0]  # hips: middle (0.5, 0.8), width 0.2
    points[0, 42 + 11], points[0, 42 + 12] = [0.65, 0.3, 0], [0.35, 0.3, 0]  # shoulders: width 0.3, torso 0.5
    points[0, 0] = [1.0, 0.3, 0.25]
    points[0, 21:42] = np.nan
    positions = normalise(points)
    np.testing.assert_allclose(positions[0, :3], [1.0, -1.0, 0.5], atol=1e-6)
    np.testing.assert_allclose(positions[0, 63:126], 0)
    np.testing.assert_allclose(positions[0, 126 + 33 : 126 + 36], [0.3, -1.0, 0.0], atol=1e-6)


def test_positions_stay_within_five_and_hold_only_numbers() -> None:
    points = np.zeros((3, 75, 3), np.float32)  # no extent at all: the size is 0.001
    points[0, 0] = [1.0, -1.0, 0.002]
    points[1, 1] = [np.inf, -np.inf, np.nan]
    points[2, 42 + 11] = np.nan  # an unseen shoulder
    positions = normalise(points)
    np.testing.assert_allclose(positions[0, :3], [5, -5, 2], atol=1e-5)
    np.testing.assert_allclose(positions[1, 3:6], [5, -5, 0])
    assert np.isfinite(positions).all()
    assert not positions[2, 126 + 33 : 126 + 36].any()


def test_hips_that_are_not_numbers_leave_an_empty_frame() -> None:
    points = random_points(1)
    points[0, 42 + 23] = np.nan
    assert not normalise(points).any()


def test_resampling_keeps_the_first_and_the_last_frame_and_goes_straight_between() -> None:
    frames = np.array([[0.0], [6.0], [30.0]], np.float32)
    np.testing.assert_allclose(resample(frames, 5)[:, 0], [0, 3, 6, 18, 30])


def test_resampling_to_the_same_length_changes_nothing() -> None:
    frames = np.random.default_rng(1).normal(size=(64, 225)).astype(np.float32)
    np.testing.assert_array_equal(resample(frames), frames)


def test_a_single_frame_is_repeated() -> None:
    window = make_window(random_points(1))
    assert (window == window[0]).all()
    assert not window[:, 225:450].any()


def test_known_angles_and_shapes() -> None:
    """A right angle, a straight arm, a wrist bent by 60 degrees, a forearm without length, and a 3-4-5 triangle."""
    points = np.zeros((75, 3))
    pose, left = 42, 0
    points[pose + 11], points[pose + 13], points[pose + 15] = [1, 0, 0], [0, 0, 0], [0, 1, 0]
    points[pose + 12], points[pose + 14], points[pose + 16] = [-1, 0, 0], [0, 0, 0], [1, 0, 0]
    points[left + 12] = [math.cos(math.pi / 3), math.sin(math.pi / 3), 0]
    points[pose + 13] = [1, 0, 0]
    points[pose + 11], points[pose + 15] = [2, 0, 0], [1, 1, 0]
    points[21 + 8], points[21 + 20] = [3, 4, 0], [0, 0, 1]
    row = enrich(points.reshape(1, 225).astype(np.float32))[0]
    np.testing.assert_allclose(row[450:455], [0, 0, 5, 1, 1], atol=1e-6)
    np.testing.assert_allclose(row[455:459], [math.pi / 2, math.pi, math.pi / 3, math.pi / 2], atol=1e-3)
    np.testing.assert_allclose(row[459:464], [0.25, 0, 1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(row[464:469], [1.5, 5, 0, 0, 1], atol=1e-6)


def test_changes_are_those_since_the_frame_before() -> None:
    positions = np.cumsum(np.ones((4, 225), np.float32), axis=0) ** 2
    np.testing.assert_allclose(enrich(positions)[:, 225], [0, 3, 5, 7])


def test_a_batch_is_computed_like_its_rows_alone() -> None:
    batch = np.stack([random_points(40, seed) for seed in range(3)])
    np.testing.assert_allclose(make_window(batch), [make_window(points) for points in batch], atol=1e-6)


def test_landmarks_come_as_lists_as_objects_or_with_visibility() -> None:
    points = random_points(5)
    frames = [frame_of(frame) for frame in points]
    np.testing.assert_array_equal(landmarks(frames), points)
    as_objects = [
        {**frame, "pose": [dict(zip("xyz", point, strict=True)) for point in frame["pose"]]} for frame in frames
    ]
    np.testing.assert_array_equal(landmarks(as_objects), points)
    visible = [{**frame, "pose": [[*point, 0.9] for point in frame["pose"]]} for frame in frames]
    np.testing.assert_array_equal(landmarks(visible), points)


def test_hands_that_are_left_out_are_missing() -> None:
    pose = np.ones((33, 3)).tolist()
    for frame in ({"pose": pose}, {"hands": None, "pose": pose}, {"hands": {"left": []}, "pose": pose}):
        assert np.isnan(landmarks([frame])[0, :42]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pose": None}, "frame 1: the pose is not 33 points"),
        ({"pose": [[0, 0, 0]] * 32}, "frame 1: the pose is not 33 points"),
        ({"hands": {"left": [[0, 0, 0]] * 20}}, "frame 1: the left hand is not 21 points"),
        ({"hands": {"right": "x" * 20}}, "frame 1: the right hand is not 21 points"),
        ({"hands": [1]}, "frame 1: hands is no object with left and right"),
        ({"hands": {"right": [{"x": 0, "y": 0}] * 21}}, "frame 1: the right hand has a point without x, y and z"),
        ({"pose": [3.0] * 33}, "frame 1: the pose has a point without x, y and z"),
        ({"pose": [[0, 0]] * 33}, "frame 1: a point is not three numbers"),
        ({"pose": [[0, 0, 0]] * 32 + [[0, 0, "up"]]}, "frame 1: a point is not three numbers"),
        ({"pose": [[0, 0, 10**400]] * 33}, "frame 1: a point is not three numbers"),
    ],
)
def test_wrong_landmarks_are_refused_with_the_frame(change: dict[str, Any], message: str) -> None:
    frames = [frame_of(frame) for frame in random_points(3)]
    frames[1] |= change
    with pytest.raises(ValueError, match=f"^{message}$"):
        landmarks(frames)


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="there are no frames"):
        landmarks([])
    with pytest.raises(ValueError, match="frame 0 is no object with hands and pose"):
        landmarks(["frame"])  # type: ignore[list-item]


def test_numbers_beyond_float32_are_the_limit() -> None:
    frame = frame_of(np.nan_to_num(random_points(1)[0]))
    frame["pose"][0] = [1e300, -1e300, 0]
    assert normalise(landmarks([frame]))[0, 126:128].tolist() == [5, -5]
