"""LoadGenerator that cost little: keep-alive connections which send a request as soon as the last one is answered."""

import asyncio
import io
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from handler.examples.signflow.features import landmarks, make_window
from signflow.archive import read_labels
from signflow.training.synthetic import make_signs, perform, to_frames

WARM_UP = 1.0
"""Seconds that are not counted."""


Body = tuple[str, bytes]
"""A content type, and what is sent."""


@dataclass(slots=True)
class Measured:
    """What came back, and after how many seconds each; `seconds` is how long was measured."""

    seconds: float
    latencies: list[float] = field(default_factory=list)
    errors: int = 0
    answers: int = 0
    """All of them, while warming up too."""
    cpu: float = float("nan")
    """Seconds that a processor works for each answer, callers not counted."""

    @property
    def throughput(self) -> float:
        """Answers per second."""
        return len(self.latencies) / self.seconds

    def percentile(self, percent: float) -> float:
        """Milliseconds; NaN where nothing came back."""
        return 1000 * float(np.percentile(self.latencies, percent)) if self.latencies else float("nan")


def make_bodies(count: int, form: str) -> list[Body]:
    """So many performances, as "landmarks" in JSON, as the same "points" in a .npy file, or as finished "windows"."""
    signs = make_signs(len(read_labels()))
    performances = [perform(signs[number % len(signs)], np.random.default_rng(number)) for number in range(count)]
    frames = [to_frames(points, 3) for points in performances]
    if form == "landmarks":
        return [("application/json", json.dumps({"frames": each}).encode()) for each in frames]
    points = [landmarks(each) for each in frames]
    if form == "points":
        return [("application/octet-stream", _npy(each)) for each in points]
    assert form == "windows", f"There are windows, landmarks and points, but no {form}."
    return [("application/octet-stream", make_window(each).astype("<f4").tobytes()) for each in points]


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def make_request(path: str, content_type: str, body: bytes) -> bytes:
    """A whole HTTP request."""
    head = ("POST {} HTTP/1.1", "Host: server", "Content-Type: {}", "Content-Length: {}", "", "")
    return "\r\n".join(head).format(path, content_type, len(body)).encode() + body


async def measure(host: str, port: int, requests: Sequence[bytes], seconds: float, rate: float | None) -> Measured:
    """One caller for each request, for so long; with a rate, all of them together send so many a second.

    A request that is sent late because its caller was still waiting counts from when it was due.
    """
    run = Run(time.perf_counter() + WARM_UP, seconds, len(requests) / rate if rate else 0)
    loop = asyncio.get_running_loop()
    callers = [(await loop.create_connection(partial(Caller, request, run), host, port))[1] for request in requests]
    for number, caller in enumerate(callers):
        loop.call_later(run.interval * number / len(callers), caller.send, time.perf_counter())
    await asyncio.gather(*(caller.done for caller in callers))
    return run.measured


class Run:
    """What the callers share: when counting begins and ends, and the result."""

    def __init__(self, begin: float, seconds: float, interval: float) -> None:
        self.begin, self.end, self.interval = begin, begin + seconds, interval
        self.measured = Measured(seconds)

    def note(self, due: float, status: bytes) -> None:
        """An answer to the request that was due then."""
        now = time.perf_counter()
        self.measured.answers += status == b"200"
        if not self.begin <= now < self.end:
            return
        if status == b"200":
            self.measured.latencies.append(now - due)
        else:
            self.measured.errors += 1


class Caller(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, request: bytes, run: Run) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request, self._run = request, run
        self._due, self._received = 0.0, bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to the server."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        """Only the caller's own end is no error."""
        self._run.measured.errors += time.perf_counter() < self._run.end
        self.done.set_result(None)

    def send(self, due: float) -> None:
        """Send the request."""
        self._due = due if self._run.interval else time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Collect the answer; when it is whole, note it and go on."""
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if found and len(body) >= _length(head):
            self._run.note(self._due, bytes(head[9:12]))
            self._received.clear()
            self._next()

    def _next(self) -> None:
        now = time.perf_counter()
        if now >= self._run.end:
            self._transport.close()
            return
        due = self._due + self._run.interval
        if due <= now:
            self.send(due)
        else:
            asyncio.get_running_loop().call_later(due - now, self.send, due)


def _length(head: bytes | bytearray) -> int:
    lines = bytes(head).lower().split(b"\r\n")
    return next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
