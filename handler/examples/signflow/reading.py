"""Requests to windows, whatever form they come in; a request that cannot be read does not stop its neighbours."""

import base64
import binascii
import io
import json
from collections.abc import Sequence
from typing import Any

# An archive's files lie side by side, hence no dots.
import numpy as np
from features import FEATURES, FRAMES, POSITIONS, enrich, landmarks, normalise, resample

WINDOW_BYTES = FRAMES * FEATURES * 4
WANTED = (
    f'Send {{"frames": [...]}} with landmarks, {{"window": {FRAMES} lists of {FEATURES} numbers}}, '
    f'{{"window_b64": "..."}}, or the window itself as {WINDOW_BYTES} bytes of little-endian float32 or as .npy'
)


def read_batch(rows: Sequence[dict[str, Any]]) -> tuple[np.ndarray, dict[int, str]]:
    """Windows [rows, 64, 469], and what is wrong with the rows whose windows are empty."""
    windows = np.zeros((len(rows), FRAMES, FEATURES), np.float32)
    plain: dict[int, np.ndarray] = {}
    problems: dict[int, str] = {}
    for index, row in enumerate(rows):
        try:
            found = read(row)
        except ValueError as reason:
            problems[index] = str(reason)
        else:
            (plain if found.shape[-1] == POSITIONS else windows)[index] = found
    if plain:
        windows[list(plain)] = enrich(np.stack(list(plain.values())))
    return windows, problems


def read(row: dict[str, Any]) -> np.ndarray:
    """A request's window [64, 469], or the positions [64, 225] that it is to be made of.

    Raises ValueError with a message for the client.
    """
    said = row.get("body", row.get("data", row))
    if isinstance(said, (bytes, bytearray)):
        said = _window_or_json(bytes(said))
    elif isinstance(said, str):
        said = _json(said)
    if isinstance(said, np.ndarray):
        return _window(said)
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
        return resample(normalise(landmarks(frames)))
    if "window" in said:
        return _window(_json(said["window"]))
    if "window_b64" in said:
        return _window(_window_bytes(_base64(said["window_b64"])))
    raise ValueError(WANTED)


def _window_or_json(body: bytes) -> Any:
    if body.startswith(np.lib.format.MAGIC_PREFIX):
        return _npy(body)
    return _window_bytes(body) if len(body) == WINDOW_BYTES else _json(body)


def _window_bytes(body: bytes) -> np.ndarray:
    if len(body) != WINDOW_BYTES:
        raise ValueError(f"the window has {len(body)} bytes, not {WINDOW_BYTES}: {FRAMES} x {FEATURES} float32")
    return np.frombuffer(body, "<f4").reshape(FRAMES, FEATURES)


def _npy(body: bytes) -> np.ndarray:
    try:
        return np.load(io.BytesIO(body), allow_pickle=False)
    except (ValueError, EOFError) as reason:
        raise ValueError(f"this .npy file cannot be read: {reason}") from None


def _window(numbers: Any) -> np.ndarray:
    try:
        with np.errstate(over="ignore"):
            window = np.asarray(numbers, np.float32)
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
