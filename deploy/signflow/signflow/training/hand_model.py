"""A jointed hand: how far each finger is bent gives 21 landmarks in MediaPipe's order, all frames at once."""

import numpy as np

_BENDS = np.array([0.4, 1.3, 2.1])
"""Radians that the three bones of a closed finger have turned by."""
_DIRECTIONS = np.array([[-0.75, 0.66, 0], [-0.2, 0.98, 0], [0, 1, 0], [0.16, 0.99, 0], [0.33, 0.94, 0]])
"""Of thumb, index, middle, ring and little finger of an open right hand."""
_KNUCKLES = np.array([[-0.09, 0.08, 0], [-0.09, 0.22, 0], [0, 0.23, 0], [0.08, 0.21, 0], [0.14, 0.18, 0]])
_BONES = np.array([[0.1, 0.08, 0.07], [0.1, 0.06, 0.05], [0.11, 0.07, 0.05], [0.1, 0.07, 0.05], [0.08, 0.05, 0.04]])
_OUT_OF_PALM = np.array([0.0, 0.0, -1.0])


def right_hand(curls: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Points [frames, 21, 3] about the wrist, in shoulder widths.

    curls [frames, 5] go from 0 (a straight finger) to 1 (a closed one), angles
    [frames, 3] are radians about x, y and z.
    """
    bends = (curls[:, :, None] * _BENDS)[..., None]
    bones = _BONES[..., None] * (np.cos(bends) * _DIRECTIONS[:, None] + np.sin(bends) * _OUT_OF_PALM)
    knuckles = np.broadcast_to(_KNUCKLES[:, None], (len(curls), 5, 1, 3))
    fingers = np.concatenate([knuckles, _KNUCKLES[:, None] + np.cumsum(bones, axis=2)], axis=2)
    wrist = np.zeros((len(curls), 1, 3))
    points = np.concatenate([wrist, fingers.reshape(-1, 20, 3)], axis=1)
    return points @ rotations(angles).swapaxes(1, 2)


def left_hand(curls: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """The mirror image of the right hand."""
    return right_hand(curls, angles) * [-1, 1, 1]


def rotations(angles: np.ndarray) -> np.ndarray:
    """Matrices [frames, 3, 3] that turn about x, then y, then z, by radians [frames, 3]."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles.T), np.sin(angles.T)
    rows = [
        [cy * cz, sx * sy * cz - cx * sz, cx * sy * cz + sx * sz],
        [cy * sz, sx * sy * sz + cx * cz, cx * sy * sz - sx * cz],
        [-sy, sx * cy, cx * cy],
    ]
    return np.array(rows).transpose(2, 0, 1)
