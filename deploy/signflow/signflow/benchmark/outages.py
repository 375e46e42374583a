"""Measures how long a sign takes while the model server is down, hung, slow or failing.

python -m signflow.benchmark.outages STORE
"""

import argparse
import asyncio
import contextlib
import logging
import signal
import socket
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import numpy as np
from prometheus_client import CollectorRegistry

from signflow.archive import read_labels
from signflow.local_pipeline import LocalPipeline
from signflow.torchserve_client import ClientMetrics, TorchServeClient, Translation
from signflow.training.synthetic import make_signs, make_windows

from .comparison import MARSERVE, machine
from .server_under_test import ServerUnderTest, ServingOptions

SLOW_SECONDS = 0.5
HEAD = "| server | signs | of them local | why | ms at the median | ms at most |\n|---|---:|---:|---|---:|---:|"


def main(argv: list[str] | None = None) -> None:
    """Print a table with a row for each state of the server."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("store", type=Path, help="the folder with sign.mar")
    parser.add_argument("--signs", type=int, default=40, help="one after another in each state, 40 by default")
    parser.add_argument("--hedge-ms", type=float, default=100, help="100 by default")
    chosen = parser.parse_args(argv)
    logging.getLogger("signflow").setLevel(logging.ERROR)  # the table says why
    print(f"{machine()}\n\n{HEAD}", flush=True)
    asyncio.run(_measure(chosen.store.resolve(), chosen.signs, chosen.hedge_ms / 1000))


async def _measure(store: Path, count: int, hedge_seconds: float) -> None:
    windows, _ = make_windows(make_signs(len(read_labels())), -(-count // len(read_labels())), seed=5)
    with closing(LocalPipeline()) as local, tempfile.TemporaryDirectory() as folder:
        with ServerUnderTest("marserve", MARSERVE, Path(folder), store) as server:
            server.register(ServingOptions(workers=1, batch=16, delay=5))

            async def measure(state: str, port: int) -> None:
                translations = await _translate(windows[:count], port, local, hedge_seconds)
                print(_row(state, translations), flush=True)

            await measure("well", server.port)
            async with _proxy(server.port, delay=SLOW_SECONDS) as port:
                await measure(f"slow: {SLOW_SECONDS} s more", port)
            async with _proxy(server.port, fails_every=2) as port:
                await measure("every second request fails", port)
            server.send_signal(signal.SIGSTOP)
            await measure("stopped (SIGSTOP)", server.port)
            server.send_signal(signal.SIGCONT)
            server.send_signal(signal.SIGKILL)
            await measure("killed", server.port)
        with _black_hole() as port:
            await measure("a port that never accepts", port)


async def _translate(
    windows: Sequence[np.ndarray], port: int, local: LocalPipeline, hedge_seconds: float
) -> list[Translation]:
    """One sign after another, as one user makes them."""
    client = TorchServeClient(
        f"http://127.0.0.1:{port}", 1.0, local=local, model_name="sign", encoding="float32",
        hedge_seconds=hedge_seconds, cooldown_seconds=0.5, metrics=ClientMetrics(CollectorRegistry()),
    )  # fmt: skip
    async with client:
        return [await client.translate(window) for window in windows]


def _row(state: str, translations: Sequence[Translation]) -> str:
    milliseconds = [1000 * each.seconds for each in translations]
    reasons = Counter(each.reason for each in translations if each.reason)
    why = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
    return (
        f"| {state} | {len(translations)} | {reasons.total()} | {why} |"
        f" {np.median(milliseconds):.1f} | {max(milliseconds):.1f} |"
    )


@asynccontextmanager
async def _proxy(target: int, delay: float = 0, fails_every: int = 0) -> AsyncIterator[int]:
    """A port in front of the server that answers later, or cuts every so many connections instead of answering."""
    relays: list[asyncio.Task[None] | None] = []

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relays.append(asyncio.current_task())
        request = await reader.readuntil(b"\r\n\r\n")
        if not fails_every or len(relays) % fails_every:
            await asyncio.sleep(delay)
            await _forward(target, request, reader, writer)
        writer.close()

    async with await asyncio.start_server(relay, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*filter(None, relays))


async def _forward(target: int, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One request and its answer, after which the client has to connect again."""
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", target)
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        server_writer.write(head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        server_writer.write(await reader.readexactly(length))
        writer.write(await server_reader.read())
        await writer.drain()
        server_writer.close()


@contextlib.contextmanager
def _black_hole() -> Iterator[int]:
    """A port whose backlog is full: connections to it are never made and never refused."""
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            connecting = stack.enter_context(socket.socket())
            connecting.setblocking(False)
            connecting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


if __name__ == "__main__":
    main()
