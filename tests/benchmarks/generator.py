"""Closed loops of clients: wrk where it is installed, else clients in this process."""

import asyncio
import json
import resource
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from signflow.benchmark import load_generator
from tests.benchmarks.jobs import read
from tests.benchmarks.machine import eventually
from tests.benchmarks.servers import Server
from tests.support.free_ports import free_port

SCRIPT = Path(__file__).with_name("wrk.lua")


@dataclass(frozen=True)
class Load:
    """The result of a load: times in milliseconds; `cpu` is the seconds of cores of the generator's process."""

    answers: int
    seconds: float
    errors: int
    p50: float
    p99: float
    cpu: float = 0.0

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.answers / self.seconds


class Generator(Protocol):
    """Loads a server with so many clients, each asking again as soon as it is answered."""

    def __call__(self, port: int, path: str, bodies: Path, clients: int, seconds: float) -> Load:
        """Load for so many seconds; the folder holds the bodies."""


def choose() -> Generator:
    """The best generator that is installed."""
    return with_wrk if shutil.which("wrk") else by_itself


def with_wrk(port: int, path: str, bodies: Path, clients: int, seconds: float) -> Load:
    """One thread of wrk; its time is whole seconds, at least one."""
    content_type, count = (bodies / "content-type").read_text(), len(read(bodies))
    before = children_seconds()
    output = subprocess.run(
        ["wrk", "-t1", f"-c{clients}", f"-d{max(1, round(seconds))}s", "--timeout", "30s", "-s", str(SCRIPT),
         f"http://127.0.0.1:{port}", "--", str(bodies), str(count), path, content_type],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return Load(**json.loads(output.splitlines()[-1]), cpu=children_seconds() - before)


def by_itself(port: int, path: str, bodies: Path, clients: int, seconds: float) -> Load:
    """LoadGenerator on an event loop of this thread."""
    found = read(bodies)
    requests = [load_generator.make_request(path, *found[number % len(found)]) for number in range(clients)]
    measured = asyncio.run(load_generator.measure("127.0.0.1", port, requests, seconds, None))
    return Load(
        len(measured.latencies), seconds, measured.errors, measured.percentile(50), measured.percentile(99)
    )  # fmt: skip


def ceiling(generate: Generator, folder: Path, seconds: float) -> float:
    """Requests a second that the generator itself can do at most: small ones, to a server that does not read them."""
    (folder / "content-type").write_text("text/plain")
    (folder / "00").write_bytes(b"hello")
    with Server([sys.executable, "-m", "tests.benchmarks.generator", str(port := free_port())], folder, port) as server:
        assert eventually(lambda: _listens(server), 10), f"{server} does not listen"
        return generate(port, "/", folder, 64, seconds).rate


def _listens(server: Server) -> bool:
    try:
        return server.call("GET", "/")[0] == 200
    except OSError:
        return False


def children_seconds() -> float:
    """Seconds of cores that the ended child processes of this one have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class _ConstantResponder(asyncio.Protocol):
    """Answers each piece of data with the same response."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")  # type: ignore[attr-defined]


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_ConstantResponder, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.run(_serve(int(sys.argv[1])))
