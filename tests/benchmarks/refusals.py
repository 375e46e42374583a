"""The cost of one refusal, on both ends of the connection: marserve's, and the least that is possible.

Run `python -m tests.benchmarks.refusals`. Windows of 120 kB are sent to a model without workers, and to a minimal
program (`refuser.py`) that closes each connection, as TorchServe does, or keeps it. In an overload, a model that
computes on the processor loses as much to every request that is refused.
"""

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tests.benchmarks import machine
from tests.benchmarks.jobs import JOBS, SLOW
from tests.benchmarks.open_loop import OpenLoop, arrivals, plan, statuses
from tests.benchmarks.servers import Server, marserve
from tests.benchmarks.tables import parser, publish
from tests.support.free_ports import free_port


@contextmanager
def minimal(*options: str) -> Iterator[Server]:
    """The program that does nothing but refuse."""
    port = free_port()
    command = [sys.executable, "-m", "tests.benchmarks.refuser", str(port), *options]
    with tempfile.TemporaryDirectory() as folder, Server(command, Path(folder), port) as server:
        yield server


@contextmanager
def without_workers() -> Iterator[Server]:
    """A server whose model has none."""
    with marserve([SLOW]) as server:
        server.call("PUT", f"/models/{SLOW.name}?min_worker=0&synchronous=true", port=server.management)
        yield server


def refuses(server: Server) -> bool:
    """Whether it does, now."""
    try:
        return server.call("POST", f"/predictions/{SLOW.name}")[0] == 503
    except OSError:
        return False


async def measure(server: Server, rate: float, seconds: float) -> dict[str, Any]:
    """So many refusals a second, for so long."""
    dues = plan("refused", f"/predictions/{SLOW.name}", JOBS["sign"].bodies(), arrivals(rate, seconds))
    before, busy = server.tree.cpu(), machine.busy_seconds()
    async with OpenLoop(server.port) as loop:
        records = await loop.send(dues)
    latencies = sorted(record.latency for record in records)
    return {
        "p50 ms": latencies[len(latencies) // 2], "the server's us": 1e6 * (server.tree.cpu() - before) / len(records),
        "all us": 1e6 * (machine.busy_seconds() - busy) / len(records), "statuses": str(statuses(records)),
        "generator late ms": 1000 * loop.late,
    }  # fmt: skip


def main() -> None:
    """Measure, and write the results."""
    options = parser("refusals", __doc__)
    options.add_argument("--rate", type=float, default=1000.0, help="windows a second")
    options.add_argument("--seconds", type=float, default=8.0)
    chosen = options.parse_args()
    rows = []
    for name, start in (
        ("marserve", without_workers),
        ("a minimal program that closes", minimal),
        ("a minimal program that keeps", partial(minimal, "--keep")),
    ):
        with start() as server:
            assert machine.eventually(partial(refuses, server), 10), f"{server} does not refuse"
            asyncio.run(measure(server, chosen.rate, 1.0))
            rows.append({"who refuses": name, **asyncio.run(measure(server, chosen.rate, chosen.seconds))})
    notes = (
        f"{chosen.rate:.0f} windows of {len(JOBS['sign'].bodies()[0].value)} bytes a second. `all us` is what all "
        "processes and the kernel took for one, the client included."
    )
    publish("refusals", chosen.out, rows, notes)


if __name__ == "__main__":
    main()
