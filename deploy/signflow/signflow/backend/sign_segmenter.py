"""Cuts the frames of one user into signs: what lies between two rests of the hands. It knows no clock."""

from collections import deque
from enum import StrEnum
from typing import Any

Frames = list[Any]
REST_FRAMES = 6
"""In a row, and the sign has ended."""


class State(StrEnum):
    """Waiting for raised hands, collecting a sign's frames, or waiting for its translation."""

    IDLE = "IDLE"
    RECORDING = "RECORDING"
    INFERRING = "INFERRING"


class SignSegmenter:
    """Takes frames, which may be any objects, and returns the frames of each finished sign.

    `rest_frames` in a row end a sign and are no part of it; with fewer than `min_frames` it is dropped, and at
    `max_frames` it ends by itself. Frames that come during a translation wait until `finish_inference`.
    """

    def __init__(self, rest_frames: int = REST_FRAMES, min_frames: int = 10, max_frames: int = 240) -> None:
        self.state = State.IDLE
        self._rest_frames, self._min_frames, self._max_frames = rest_frames, min_frames, max_frames
        self._recorded: Frames = []
        self._trailing_rests = 0
        self._waiting: deque[tuple[Any, bool]] = deque(maxlen=max_frames)

    def __repr__(self) -> str:
        return f"<SignSegmenter {self.state}, {len(self._recorded)} frames recorded, {len(self._waiting)} waiting>"

    def add_frame(self, frame: Any, is_rest: bool) -> Frames | None:
        """Take the next frame, in which the hands rest or not; returns the sign that it ended, if any."""
        if self.state is State.INFERRING:
            self._waiting.append((frame, is_rest))
            return None
        if self.state is State.IDLE and is_rest:
            return None
        self.state = State.RECORDING
        self._recorded.append(frame)
        self._trailing_rests = self._trailing_rests + 1 if is_rest else 0
        if self._trailing_rests == self._rest_frames or len(self._recorded) == self._max_frames:
            return self._end_sign()
        return None

    def finish_inference(self) -> Frames | None:
        """The translation has come or failed; returns the next sign if one ended in the meantime."""
        assert self.state is State.INFERRING
        self.state = State.IDLE
        while self._waiting:
            if sign := self.add_frame(*self._waiting.popleft()):
                return sign
        return None

    def _end_sign(self) -> Frames | None:
        sign = self._recorded[: len(self._recorded) - self._trailing_rests]
        self._recorded, self._trailing_rests = [], 0
        self.state = State.INFERRING if len(sign) >= self._min_frames else State.IDLE
        return sign if self.state is State.INFERRING else None
