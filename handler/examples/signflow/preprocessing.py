"""Turns requests of every form into windows; a request that cannot be read leaves the others of its batch alone.

The archive's features.py says how many frames and features a window has, and how it is made of landmarks.
"""

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
EXPECTED = (
    f'Send {{"frames": [...]}} with landmarks, {{"window": {FRAMES} lists of {FEATURES} numbers}}, '
    f'{{"window_b64": "..."}}, the window itself as {WINDOW_BYTES} bytes of little-endian float32, or as .npy '
    f"the window or landmarks [frames, {POINTS}, 3]"
)


def parse_batch(rows: Sequence[dict[str, Any]]) -> tuple[np.ndarray, dict[int, str]]:
    """Windows [rows, FRAMES, FEATURES], and the problem of each row that cannot be read; its window is empty."""
    windows = np.zeros((len(rows), FRAMES, FEATURES), np.float32)
    performances: dict[int, np.ndarray] = {}
    problems: dict[int, str] = {}
    for index, row in enumerate(rows):
        try:
            parsed = parse_row(row)
        except ValueError as error:
            problems[index] = str(error)
        else:
            (windows if parsed.ndim == 2 else performances)[index] = parsed
    if performances:
        windows[list(performances)] = make_windows(list(performances.values()))
    return windows, problems


def parse_row(row: dict[str, Any]) -> np.ndarray:
    """A request's window [FRAMES, FEATURES], or the landmarks [frames, POINTS, 3] of which to make it.

    Raises ValueError with a message for the client.
    """
    value = row.get("body", row.get("data", row))
    if isinstance(value, (bytes, bytearray)):
        return _parse_bytes(value)
    return _parse_value(_parse_json(value))


def check_model_input(shape: Sequence[Any], file: str) -> None:
    """Raise ValueError unless a model takes windows; its input is [batch, frames, features], free sizes are names."""
    sizes = (FRAMES, FEATURES)
    if any(isinstance(size, int) and size != wanted for size, wanted in zip(shape[1:], sizes, strict=False)):
        taken = " x ".join(map(str, shape[1:]))
        raise ValueError(f"{file} takes windows of {taken}, but features.py makes windows of {FRAMES} x {FEATURES}")


def _parse_bytes(body: bytes | bytearray) -> np.ndarray:
    if body.startswith(np.lib.format.MAGIC_PREFIX):
        return _parse_npy(body)
    if len(body) == WINDOW_BYTES or _is_other_window(body):
        return _parse_window_bytes(body)
    return _parse_value(_parse_json(body))


def _is_other_window(body: bytes | bytearray) -> bool:
    """Whether these may be the bytes of a window with another number of features: NUL bytes are in no JSON."""
    return len(body) > 0 and len(body) % (FRAMES * 4) == 0 and b"\0" in body


def _parse_value(value: Any) -> np.ndarray:
    """A JSON object, or only its frames or its window."""
    if isinstance(value, list):
        value = {"frames" if value and isinstance(value[0], dict) else "window": value}
    if not isinstance(value, dict):
        raise ValueError(EXPECTED)
    return _parse_object(value)


def _parse_object(fields: dict[str, Any]) -> np.ndarray:
    """The fields of a JSON object, or those of a form, whose values are bytes."""
    if "frames" in fields:
        frames = _parse_json(fields["frames"])
        if not isinstance(frames, list):
            raise ValueError("frames is no list")
        return landmarks(frames)
    if "window" in fields:
        return _check_window(_parse_json(fields["window"]))
    if "window_b64" in fields:
        return _parse_window_bytes(_decode_base64(fields["window_b64"]))
    raise ValueError(EXPECTED)


def _parse_window_bytes(body: bytes | bytearray) -> np.ndarray:
    if not body or len(body) % (FRAMES * 4):
        raise ValueError(f"the window has {len(body)} bytes, not {WINDOW_BYTES}: {FRAMES} x {FEATURES} float32")
    return _check_window(np.frombuffer(body, "<f4").reshape(FRAMES, -1))


def _parse_npy(body: bytes | bytearray) -> np.ndarray:
    try:
        array = np.load(io.BytesIO(body), allow_pickle=False)
    except Exception as error:  # numpy raises whatever its parts raise, MemoryError for an impossible shape too
        raise ValueError(f"this .npy file cannot be read: {error}") from None
    if array.dtype.kind not in "fiu":
        raise ValueError(f"this .npy file holds {array.dtype}, no numbers")
    if len(array.shape) != 3 or array.shape[1:] != (POINTS, 3):
        return _check_window(array)
    if not len(array):
        raise ValueError("there are no frames")
    return _to_float32(array)


def _to_float32(numbers: Any) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.asarray(numbers, np.float32)


def _check_window(numbers: Any) -> np.ndarray:
    try:
        window = _to_float32(numbers)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"the window is not {FRAMES} lists of {FEATURES} numbers") from None
    if window.shape != (FRAMES, FEATURES):
        raise ValueError(f"the window has the shape {window.shape}, not {(FRAMES, FEATURES)}")
    if not np.isfinite(window).all():
        raise ValueError("the window holds what is not a finite number")
    return window


def _decode_base64(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise ValueError(f"window_b64 is no base64: {error}") from None


def _parse_json(value: Any) -> Any:
    """The value of a JSON string; anything else as it is."""
    if not isinstance(value, (str, bytes, bytearray)):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError(f"this cannot be read as JSON. {EXPECTED}") from None
