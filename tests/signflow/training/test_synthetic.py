"""The invented signs: seeded, visible to a camera, and in the form that requests have."""

import json
from pathlib import Path

import numpy as np
import pytest

from signflow.archive import FOLDER, read_labels
from signflow.archive.features import landmarks, make_window, normalise
from signflow.training.hand_model import left_hand, right_hand, rotations
from signflow.training.synthetic import main, make_signs, make_windows, perform, to_frames


def performance(seed: int, sign: int = 0) -> np.ndarray:
    """Points of one performance."""
    return perform(make_signs(sign + 1)[sign], np.random.default_rng(seed))


def test_a_performance_is_the_same_for_a_seed_and_another_for_another() -> None:
    np.testing.assert_array_equal(performance(1), performance(1))
    assert performance(1).shape != performance(2).shape or not np.array_equal(performance(1), performance(2))


def test_more_signs_leave_the_first_ones_as_they_are() -> None:
    np.testing.assert_array_equal(make_signs(2)[1].right_gesture.curve, make_signs(9)[1].right_gesture.curve)


def test_two_signs_in_turn_move_alike_and_differ_in_their_hands() -> None:
    one, other, third = make_signs(3)
    np.testing.assert_array_equal(one.right_gesture.curve, other.right_gesture.curve)
    assert not np.array_equal(one.right_gesture.curls, other.right_gesture.curls)
    assert not np.array_equal(one.right_gesture.curve, third.right_gesture.curve)


@pytest.mark.parametrize("sign", range(6))
def test_a_camera_sees_the_upper_body_upright_and_hands_only_at_times(sign: int) -> None:
    points = performance(3, sign)
    nose, shoulders, hips = points[:, 42], points[:, 53:55], points[:, 65:67]
    assert 18 <= len(points) < 72
    assert (nose[:, 1] < shoulders[..., 1].T).all()
    assert (shoulders[..., 1] < hips[..., 1]).all()
    assert (shoulders[:, 0, 0] > shoulders[:, 1, 0]).all()  # the person's left is the picture's right
    assert np.isnan(points[:, 42:]).sum() == 0
    assert np.isnan(np.concatenate([performance(seed, sign) for seed in range(8)])[:, 21:42]).any()


def test_the_wrists_of_pose_and_hands_are_one() -> None:
    points = performance(5)
    seen = ~np.isnan(points[:, 21, 0])
    np.testing.assert_allclose(points[seen, 21], points[seen, 42 + 16], atol=0.02)


def test_frames_are_what_requests_hold_and_read_back_as_the_points() -> None:
    points = performance(7)
    frames = json.loads(json.dumps(to_frames(points)))
    np.testing.assert_allclose(landmarks(frames), points, atol=1e-4)


def test_windows_come_in_turn_with_the_numbers_of_their_signs() -> None:
    windows, numbers = make_windows(make_signs(3), 2, seed=1)
    assert windows.shape == (6, 64, 469)
    assert windows.dtype == np.float32
    assert numbers.tolist() == [0, 1, 2, 0, 1, 2]
    first = perform(make_signs(1)[0], np.random.default_rng(1))
    np.testing.assert_allclose(windows[0], make_window(first), atol=1e-5)


def test_a_closed_hand_is_shorter_than_an_open_one_and_the_left_mirrors_the_right() -> None:
    still = np.zeros((1, 3))
    opened, closed = right_hand(np.zeros((1, 5)), still)[0], right_hand(np.ones((1, 5)), still)[0]
    tips = [8, 12, 16, 20]
    assert (np.linalg.norm(closed[tips], axis=1) < 0.85 * np.linalg.norm(opened[tips], axis=1)).all()
    np.testing.assert_allclose(left_hand(np.zeros((1, 5)), still)[0], opened * [-1, 1, 1])


def test_rotations_turn_about_their_axes() -> None:
    quarter = np.pi / 2
    turns = rotations(np.array([[quarter, 0, 0], [0, quarter, 0], [0, 0, quarter]]))
    moved = turns @ np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(moved, [[1, -3, 2], [3, 2, -1], [-2, 1, 3]], atol=1e-9)


def test_the_command_prints_the_committed_example(capsys: pytest.CaptureFixture[str]) -> None:
    main(["please", "--seed", "49"])
    made, committed = json.loads(capsys.readouterr().out), json.loads((FOLDER / "example.json").read_text())
    points = landmarks(made["frames"])
    np.testing.assert_allclose(points, landmarks(committed["frames"]), atol=2e-3)
    assert np.abs(normalise(points)).max() < 5


def test_what_is_committed_is_small() -> None:
    assert len(read_labels()) == 20
    assert all(file.stat().st_size < 1_000_000 for file in Path(FOLDER).iterdir() if file.is_file())
