"""Two hundred models registered and one of them busy; registrations, descriptions and scrapes beside predictions.

Run `python -m tests.benchmarks.many_models`. Predictions come at an even rate meanwhile; the longest of them shows for
how long anything else has blocked the server, in the best of three tries. The status is 1 if that was more than
`--limit` milliseconds.
"""

import asyncio
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from tests.benchmarks import generator
from tests.benchmarks.jobs import JOBS, write
from tests.benchmarks.open_loop import OpenLoop, percentile, plan, statuses
from tests.benchmarks.servers import Server, marserve
from tests.benchmarks.tables import parser, publish

RATE = 200.0
"""Predictions a second while something else happens."""
TRIES = 3
Act = Callable[[int], tuple[int, bytes]]


def register(server: Server, number: int, prefix: str = "model") -> tuple[int, bytes]:
    """Register the archive under another name, with a worker."""
    query = f"url=echo.mar&model_name={prefix}{number}&initial_workers=1&synchronous=true"
    return server.call("POST", f"/models?{query}", port=server.management)


def registering(server: Server, prefix: str) -> Act:
    """An action that registers one more model at each call."""
    numbers = count()
    return lambda _: register(server, next(numbers), prefix)


async def beside(server: Server, name: str, act: Act | None, seconds: float) -> dict[str, Any]:
    """Predict at an even rate while an action is repeated, with a pause as long as itself."""
    done, over = 0, False

    async def again() -> None:
        nonlocal done
        assert act is not None
        while not over:
            began = asyncio.get_running_loop().time()
            status, body = await asyncio.to_thread(act, done)
            assert status == 200, body
            done += 1
            await asyncio.sleep(max(0.02, asyncio.get_running_loop().time() - began))

    task = asyncio.create_task(again()) if act else None
    async with OpenLoop(server.port) as loop:
        records = await loop.send(plan("", "/predictions/echo", JOBS["echo"].bodies(), _evenly(seconds)))
    over = True
    if task is not None:
        await task
    return {
        "meanwhile": name, "times": done, "p50 ms": percentile(records, 50), "p99 ms": percentile(records, 99),
        "longest ms": percentile(records, 100), "statuses": str(statuses(records)),
        "generator late ms": 1000 * loop.late,
    }  # fmt: skip


def _evenly(seconds: float) -> Iterator[float]:
    return (number / RATE for number in range(int(seconds * RATE)))


def quietest(server: Server, seconds: float, name: str, act: Act | None) -> dict[str, Any]:
    """The best of three tries: disturbance by other processes is not in all of them."""
    rows = [asyncio.run(beside(server, name, act, seconds)) for _ in range(TRIES)]
    return min(rows, key=lambda row: row["longest ms"])


def throughput(server: Server, seconds: float) -> float:
    """Requests a second of the one model, in a closed loop of 16 clients."""
    with tempfile.TemporaryDirectory() as name:
        write(JOBS["echo"].bodies(), Path(name))
        generate = generator.choose()
        generate(server.port, "/predictions/echo", Path(name), 16, 1.0)
        return generate(server.port, "/predictions/echo", Path(name), 16, seconds).rate


def measure(models: int, seconds: float) -> tuple[list[dict[str, Any]], float, float]:
    """Rows of what happened beside predictions; requests a second with one model, and with all of them."""
    with marserve([JOBS["echo"]]) as server:
        alone = throughput(server, seconds)
        run = partial(quietest, server, seconds)
        rows = [run("nothing, 1 model", None), run("registrations", registering(server, "early"))]
        for number in range(models - 1):
            status, body = register(server, number)
            assert status == 200, body
        together = throughput(server, seconds)
        rows += [run(f"nothing, {models} models", None), run("registrations", registering(server, "late"))]
        calls = {
            "describe one": lambda number: server.call(
                "GET", f"/models/model{number % (models - 1)}", port=server.management
            ),
            "list all": lambda number: server.call("GET", "/models?limit=1000", port=server.management),
            "scrape /metrics": lambda number: server.call("GET", "/metrics", port=server.metrics),
        }
        rows += [run(name, call) for name, call in calls.items()]
    return rows, alone, together


def main() -> int:
    """Measure, and write the results; the status is 1 if predictions were kept waiting."""
    options = parser("many_models", __doc__)
    options.add_argument("--models", type=int, default=200)
    options.add_argument("--seconds", type=float, default=3.0)
    options.add_argument("--limit", type=float, default=20.0)
    chosen = options.parse_args()
    rows, alone, together = measure(chosen.models, chosen.seconds)
    notes = (
        f"One model busy in a closed loop of 16 clients: {alone:.0f} requests/s when it is the only one, "
        f"{together:.0f}/s ({together / alone:.0%}) with {chosen.models} registered. "
        f"Below, {RATE:.0f} predictions/s beside other calls."
    )
    publish("many_models", chosen.out, rows, notes)
    return 1 if max(row["longest ms"] for row in rows) > chosen.limit else 0


if __name__ == "__main__":
    sys.exit(main())
