"""Requests that are sent when they are due, however many are still to be answered: an open loop, over HTTP."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple, Self

from signflow.benchmark.load_generator import make_request
from tests.benchmarks.jobs import Body

NO_RESPONSE = 0
"""The status of a request that got no response."""


class Due(NamedTuple):
    """A request of some kind that is to be sent so many seconds after the start."""

    at: float
    kind: str
    request: bytes


class Record(NamedTuple):
    """The result of one: perf_counter seconds when it was due and when it was answered, and the status."""

    kind: str
    due: float
    done: float
    status: int

    @property
    def latency(self) -> float:
        """Milliseconds from when it was due, so that a late generator does not make the server look better."""
        return 1000 * (self.done - self.due)


def arrivals(rate: float, seconds: float, seed: int = 1) -> Iterator[float]:
    """Times of independent clients (Poisson): so many a second, for so long."""
    chance, at = random.Random(seed), 0.0
    while (at := at + chance.expovariate(rate)) < seconds:
        yield at


def plan(kind: str, path: str, bodies: Sequence[Body], times: Iterator[float]) -> list[Due]:
    """A request for each time, with the bodies in turn."""
    requests = [make_request(path, *body) for body in bodies]
    return [Due(at, kind, requests[number % len(requests)]) for number, at in enumerate(times)]


def percentile(records: Sequence[Record], percent: float) -> float:
    """Milliseconds of those with status 200; NaN without any."""
    latencies = sorted(record.latency for record in records if record.status == 200)
    return latencies[min(len(latencies) - 1, int(len(latencies) * percent / 100))] if latencies else float("nan")


def statuses(records: Sequence[Record]) -> dict[int, int]:
    """The count of each, largest first."""
    return dict(Counter(record.status for record in records).most_common())


class OpenLoop:
    """Sends requests to a port while the `async with` lasts; there are as many connections as are needed."""

    def __init__(self, port: int, timeout: float = 10.0) -> None:
        self.records: list[Record] = []
        self.late = 0.0
        """The longest delay of a request in seconds; if it is large, the generator is too slow."""
        self._port, self._timeout = port, timeout
        self._idle: list[_Connection] = []
        self._made: list[_Connection] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<OpenLoop {len(self.records)} answered, {len(self._tasks)} open>"

    async def send(self, dues: Sequence[Due]) -> list[Record]:
        """Send all when they are due, wait for the answers; returns the records in the order of their answers."""
        before, start = len(self.records), time.perf_counter()
        for due in sorted(dues):
            remaining = start + due.at - time.perf_counter()
            if remaining > 0:
                await asyncio.sleep(remaining)
            self.late = max(self.late, -remaining)
            task = asyncio.create_task(self._send_one(due, start + due.at))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            if remaining <= 0:
                await asyncio.sleep(0)
        while self._tasks:
            await asyncio.wait(set(self._tasks))
        return self.records[before:]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self._made:
            connection.close()
        await asyncio.gather(*(connection.closed for connection in self._made))

    async def _send_one(self, due: Due, at: float) -> None:
        status, connection = NO_RESPONSE, None
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(self._timeout):
                connection = await self._connection()
                status = await connection.send(due.request)
        self.records.append(Record(due.kind, at, time.perf_counter(), status))
        if connection is not None:
            if status == NO_RESPONSE or connection.last:
                connection.close()
            else:
                self._idle.append(connection)

    async def _connection(self) -> "_Connection":
        while self._idle:
            connection = self._idle.pop()
            if connection.open:
                return connection
        _, made = await asyncio.get_running_loop().create_connection(_Connection, "127.0.0.1", self._port)
        self._made.append(made)
        return made


class _Connection(asyncio.Protocol):
    """One request at a time."""

    open = True
    last = False
    """Whether the server closes it after this answer."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._received = bytearray()
        self._answer: asyncio.Future[int] | None = None
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_lost(self, error: Exception | None) -> None:
        self.open = False
        self.closed.set_result(None)
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("closed"))

    async def send(self, request: bytes) -> int:
        """The status of the answer."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        self.open = False
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or self._answer is None:
            return
        lines = bytes(head).lower().split(b"\r\n")
        length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
        if len(body) >= length and not self._answer.done():
            self._received.clear()
            self.last = b"connection: close" in lines
            self._answer.set_result(int(lines[0][9:12]))
