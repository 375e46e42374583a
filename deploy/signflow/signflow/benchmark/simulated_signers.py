"""Simulated users: each performs one invented sign after another over a WebSocket, 30 frames a second."""

import asyncio
import contextlib
import json
import time
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from websockets.asyncio.client import ClientConnection, connect

from signflow.archive import read_labels
from signflow.backend.hand_rest import with_rests
from signflow.backend.sign_segmenter import REST_FRAMES
from signflow.training.synthetic import make_signs, perform, to_frames

FRAMES_PER_SECOND = 30
RESTS = 12
"""Frames of rest before and after a sign."""
LATE_SECONDS = 1 / FRAMES_PER_SECOND
GRACE_SECONDS = 10
"""After the last frame, for the translations that are still to come."""


class Performance(NamedTuple):
    """A sign's name, and its frames as they are sent."""

    sign: str
    frames: Sequence[str]


@dataclass
class SignersResult:
    """The seconds from the frame that ended each sign to its translation, and the counts of all users."""

    seconds: float
    latencies: list[float] = field(default_factory=list)
    lost: int = 0
    local: int = 0
    correct: int = 0
    frames: int = 0
    late_frames: int = 0
    versions: defaultdict[str, Counter[bool]] = field(default_factory=lambda: defaultdict(Counter))
    """Signs that each version of the model has translated right (True) and wrong."""

    @property
    def signs_per_second(self) -> float:
        """Translated signs of all users."""
        return len(self.latencies) / self.seconds

    @property
    def correct_share(self) -> float:
        """Share of the translations that name the sign that was performed."""
        return self.correct / max(1, len(self.latencies))

    @property
    def late_share(self) -> float:
        """Share of the frames that were sent a frame's time too late: the generator's own trouble."""
        return self.late_frames / max(1, self.frames)

    def percentile(self, percent: float) -> float:
        """Milliseconds; NaN without a translation."""
        return 1000 * float(np.percentile(self.latencies, percent)) if self.latencies else float("nan")


async def sign_together(url: str, count: int, seconds: float) -> SignersResult:
    """Let so many users sign to a backend's WebSocket for so long, each at a phase of its own."""
    result, performances = SignersResult(seconds), make_performances(3 * len(read_labels()))
    start = time.perf_counter() + 1
    signers = [SimulatedSigner(f"{url}?user=signer-{number}", performances, number, result) for number in range(count)]
    await asyncio.gather(*(signer.run(start, start + seconds) for signer in signers))
    return result


def make_performances(count: int) -> list[Performance]:
    """Performances of all signs in turn, no two alike."""
    labels, performances = read_labels(), []
    signs = make_signs(len(labels))
    for number in range(count):
        points = perform(signs[number % len(signs)], np.random.default_rng([number, 30]))
        frames = [json.dumps(frame, separators=(",", ":")) for frame in to_frames(with_rests(points, RESTS))]
        performances.append(Performance(labels[number % len(signs)], frames))
    return performances


class SimulatedSigner:
    """One user, who never waits for a translation."""

    def __init__(self, url: str, performances: Sequence[Performance], seed: int, result: SignersResult) -> None:
        self._url, self._performances, self._result = url, performances, result
        self._random = np.random.default_rng(seed)
        self._due: list[float] = []
        self._first_frames: list[int] = []
        self._signs: list[str] = []
        self._translated = 0
        self._all_translated = asyncio.Event()

    def __repr__(self) -> str:
        return f"<SimulatedSigner with {len(self._signs)} signs, {self._translated} of them translated>"

    async def run(self, start: float, end: float) -> None:
        """Sign until the end (perf_counter seconds), then wait for the last translations."""
        async with connect(self._url, compression=None, proxy=None) as socket:
            receiving = asyncio.create_task(self._receive(socket))
            try:
                due = start + self._random.uniform(0, 2)
                while due < end:
                    due = await self._perform(socket, due)
                await self._wait_for_translations()
            finally:
                receiving.cancel()
                await asyncio.gather(receiving, return_exceptions=True)
        self._result.lost += len(self._signs) - self._translated

    async def _wait_for_translations(self) -> None:
        if self._translated < len(self._signs):
            self._all_translated.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._all_translated.wait(), GRACE_SECONDS)

    async def _perform(self, socket: ClientConnection, due: float) -> float:
        """Send the frames of a performance, each when it is due; returns when the next frame is due."""
        performance = self._performances[self._random.integers(len(self._performances))]
        for number, frame in enumerate(performance.frames):
            await asyncio.sleep(due - time.perf_counter())
            self._result.frames += 1
            self._result.late_frames += time.perf_counter() - due > LATE_SECONDS
            if number == RESTS:
                self._first_frames.append(len(self._due) + 1)
                self._signs.append(performance.sign)
            self._due.append(due)
            await socket.send(frame)
            due += 1 / FRAMES_PER_SECOND
        return due

    async def _receive(self, socket: ClientConnection) -> None:
        async for text in socket:
            message = json.loads(text)
            if message["type"] == "prediction":
                self._record(message)
            if self._translated == len(self._signs):
                self._all_translated.set()

    def _record(self, message: dict[str, Any]) -> None:
        ended = self._due[message["last_frame"] + REST_FRAMES - 1]
        self._result.latencies.append(time.perf_counter() - ended)
        self._result.local += message["source"] == "local"
        performed = self._signs[bisect_right(self._first_frames, message["last_frame"]) - 1]
        is_correct = message["prediction"] == performed
        self._translated += 1
        self._result.correct += is_correct
        self._result.versions[message.get("version", "")][is_correct] += 1
