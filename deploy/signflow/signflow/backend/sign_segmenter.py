"""Finds the signs in one user's frames: what lies between two rests. It knows no clock and no network."""

from collections import deque
from enum import StrEnum
from typing import Any

Frames = list[Any]


class State(StrEnum):
    """What a signer is doing."""

    IDLE = "IDLE"
    RECORDING = "RECORDING"
    INFERRING = "INFERRING"


class Signer:
    """Frames in, the frames of a finished sign out; a frame is whatever the caller keeps of it.

    So many `rests` in a row end a sign and are no part of it; with fewer than `shortest` frames it was none, and with
    `longest` it ends by itself. Frames that come while a sign is being translated wait until `answered`.
    """

    def __init__(self, rests: int = 6, shortest: int = 10, longest: int = 240) -> None:
        self.state = State.IDLE
        self._rests, self._shortest, self._longest = rests, shortest, longest
        self._recorded: Frames = []
        self._rested = 0
        self._waiting: deque[tuple[Any, bool]] = deque(maxlen=longest)

    def __repr__(self) -> str:
        return f"<Signer {self.state}, {len(self._recorded)} frames recorded, {len(self._waiting)} waiting>"

    def see(self, frame: Any, rests: bool) -> Frames | None:
        """Take the next frame, in which the hands rest or not; returns the sign that it ended, to be translated."""
        if self.state is State.INFERRING:
            self._waiting.append((frame, rests))
            return None
        if self.state is State.IDLE and rests:
            return None
        self.state = State.RECORDING
        self._recorded.append(frame)
        self._rested = self._rested + 1 if rests else 0
        if self._rested == self._rests or len(self._recorded) == self._longest:
            return self._end()
        return None

    def answered(self) -> Frames | None:
        """The translation is there, or will never be; returns the next sign if it ended in the meantime."""
        assert self.state is State.INFERRING
        self.state = State.IDLE
        while self._waiting:
            if sign := self.see(*self._waiting.popleft()):
                return sign
        return None

    def _end(self) -> Frames | None:
        sign = self._recorded[: len(self._recorded) - self._rested]
        self._recorded, self._rested = [], 0
        self.state = State.INFERRING if len(sign) >= self._shortest else State.IDLE
        return sign if self.state is State.INFERRING else None
