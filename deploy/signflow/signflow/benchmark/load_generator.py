"""A closed loop of clients: keep-alive connections that send a request as soon as the last one is answered."""

import asyncio
import io
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from signflow.archive import read_labels
from signflow.archive.features import landmarks, make_window
from signflow.training.synthetic import make_signs, perform, to_frames

WARM_UP_SECONDS = 1.0

Body = tuple[str, bytes]
"""A content type, and what is sent."""


@dataclass(slots=True)
class Measurement:
    """The latency in seconds of each answer of a run; `seconds` is how long was measured."""

    seconds: float
    latencies: list[float] = field(default_factory=list)
    errors: int = 0
    answers: int = 0
    """All of them, those of the warm-up too."""
    cpu: float = float("nan")
    """Seconds of a processor for each answer, clients not counted."""

    @property
    def throughput(self) -> float:
        """Answers per second."""
        return len(self.latencies) / self.seconds

    def percentile(self, percent: float) -> float:
        """Milliseconds; NaN without an answer."""
        return 1000 * float(np.percentile(self.latencies, percent)) if self.latencies else float("nan")


def make_bodies(count: int, form: str) -> list[Body]:
    """Performances as "landmarks" in JSON, as the same "points" in a .npy file, or as "windows" in bytes."""
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
    """The bytes of an HTTP request."""
    head = ("POST {} HTTP/1.1", "Host: server", "Content-Type: {}", "Content-Length: {}", "", "")
    return "\r\n".join(head).format(path, content_type, len(body)).encode() + body


async def measure(host: str, port: int, requests: Sequence[bytes], seconds: float, rate: float | None) -> Measurement:
    """One client for each request; with a rate, all of them together send so many a second.

    A request that is sent late because its client was still waiting counts from when it was due.
    """
    run = LoadRun(time.perf_counter() + WARM_UP_SECONDS, seconds, len(requests) / rate if rate else 0)
    loop = asyncio.get_running_loop()
    clients = [
        (await loop.create_connection(partial(ClientConnection, request, run), host, port))[1] for request in requests
    ]
    for number, client in enumerate(clients):
        loop.call_later(run.interval * number / len(clients), client.send, time.perf_counter())
    await asyncio.gather(*(client.done for client in clients))
    return run.measurement


class LoadRun:
    """Shared by the clients: when counting begins and ends, and the measurement."""

    def __init__(self, start: float, seconds: float, interval: float) -> None:
        self.start, self.end, self.interval = start, start + seconds, interval
        self.measurement = Measurement(seconds)

    def record(self, due: float, status: bytes) -> None:
        """Count the answer to a request by when the request was due."""
        now = time.perf_counter()
        self.measurement.answers += status == b"200"
        if not self.start <= now < self.end:
            return
        if status == b"200":
            self.measurement.latencies.append(now - due)
        else:
            self.measurement.errors += 1


class ClientConnection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, request: bytes, run: LoadRun) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request, self._run = request, run
        self._due, self._received = 0.0, bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        """Count an error unless the run is over."""
        self._run.measurement.errors += time.perf_counter() < self._run.end
        self.done.set_result(None)

    def send(self, due: float) -> None:
        """Send the request."""
        self._due = due if self._run.interval else time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Collect the answer; when it is complete, record it and send the next request."""
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if found and len(body) >= _content_length(head):
            self._run.record(self._due, bytes(head[9:12]))
            self._received.clear()
            self._send_next()

    def _send_next(self) -> None:
        now = time.perf_counter()
        if now >= self._run.end:
            self._transport.close()
            return
        due = self._due + self._run.interval
        if due <= now:
            self.send(due)
        else:
            asyncio.get_running_loop().call_later(due - now, self.send, due)


def _content_length(head: bytes | bytearray) -> int:
    lines = bytes(head).lower().split(b"\r\n")
    return next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
