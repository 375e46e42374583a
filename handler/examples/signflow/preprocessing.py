"""Requests to windows, whatever form they come in; a request that cannot be read does not stop its neighbours."""

import base64
import binascii
import io
import json
from collections.abc import Sequence
from typing import Any

# An archive's files lie side by side, hence no dots.
import numpy as np
from features import FEATURES, FRAMES, POINTS, landmarks, make_windows

WINDOW_BYTES = FRAMES * FEATURES * 4
WANTED = (
    f'Send {{"frames": [...]}} with landmarks, {{"window": {FRAMES} lists of {FEATURES} numbers}}, '
    f'{{"window_b64": "..."}}, the window itself as {WINDOW_BYTES} bytes of little-endian float32, or as .npy '
    f"the window or landmarks [frames, {POINTS}, 3]"
)


def parse_batch(rows: Sequence[dict[str, Any]]) -> tuple[np.ndarray, dict[int, str]]:
    """Windows [rows, 64, 469], and what is wrong with the rows whose windows are empty."""
    windows = np.zeros((len(rows), FRAMES, FEATURES), np.float32)
    performances: dict[int, np.ndarray] = {}
    problems: dict[int, str] = {}
    for index, row in enumerate(rows):
        try:
            found = parse_row(row)
        except ValueError as reason:
            problems[index] = str(reason)
        else:
            (windows if found.ndim == 2 else performances)[index] = found
    if performances:
        windows[list(performances)] = make_windows(list(performances.values()))
    return windows, problems


def parse_row(row: dict[str, Any]) -> np.ndarray:
    """A request's window [64, 469], or the landmarks [frames, 75, 3] that it is to be made of.

    Raises ValueError with a message for the client.
    """
    said = row.get("body", row.get("data", row))
    if isinstance(said, (bytes, bytearray)):
        return _from_bytes(said)
    return _from_value(_json(said))


def _from_bytes(body: bytes | bytearray) -> np.ndarray:
    if body.startswith(np.lib.format.MAGIC_PREFIX):
        return _npy(body)
    return _window_of(body) if len(body) == WINDOW_BYTES else _from_value(_json(body))


def _from_value(said: Any) -> np.ndarray:
    """What JSON says: an object, or only its frames or its window."""
    if isinstance(said, list):
        said = {"frames" if said and isinstance(said[0], dict) else "window": said}
    if not isinstance(said, dict):
        raise ValueError(WANTED)
    return _from_object(said)


def _from_object(said: dict[str, Any]) -> np.ndarray:
    """The fields of a JSON object, or those of a form, whose values are bytes."""
    if "frames" in said:
        frames = _json(said["frames"])
        if not isinstance(frames, list):
            raise ValueError("frames is no list")
        return landmarks(frames)
    if "window" in said:
        return _window(_json(said["window"]))
    if "window_b64" in said:
        return _window_of(_base64(said["window_b64"]))
    raise ValueError(WANTED)


def _window_of(body: bytes | bytearray) -> np.ndarray:
    if len(body) != WINDOW_BYTES:
        raise ValueError(f"the window has {len(body)} bytes, not {WINDOW_BYTES}: {FRAMES} x {FEATURES} float32")
    return _window(np.frombuffer(body, "<f4").reshape(FRAMES, FEATURES))


def _npy(body: bytes | bytearray) -> np.ndarray:
    try:
        array = np.load(io.BytesIO(body), allow_pickle=False)
    except Exception as reason:  # numpy lets out whatever its parts raise: MemoryError for a shape that is none, too
        raise ValueError(f"this .npy file cannot be read: {reason}") from None
    if array.dtype.kind not in "fiu":
        raise ValueError(f"this .npy file holds {array.dtype}, no numbers")
    if len(array.shape) != 3 or array.shape[1:] != (POINTS, 3):
        return _window(array)
    if not len(array):
        raise ValueError("there are no frames")
    return _float32(array)


def _float32(numbers: Any) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.asarray(numbers, np.float32)


def _window(numbers: Any) -> np.ndarray:
    try:
        window = _float32(numbers)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"the window is not {FRAMES} lists of {FEATURES} numbers") from None
    if window.shape != (FRAMES, FEATURES):
        raise ValueError(f"the window has the shape {window.shape}, not {(FRAMES, FEATURES)}")
    if not np.isfinite(window).all():
        raise ValueError("the window holds what is not a finite number")
    return window


def _base64(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error) as reason:
        raise ValueError(f"window_b64 is no base64: {reason}") from None


def _json(value: Any) -> Any:
    """What a text says, anything else as it is."""
    if not isinstance(value, (str, bytes, bytearray)):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError(f"this cannot be read as JSON. {WANTED}") from None
