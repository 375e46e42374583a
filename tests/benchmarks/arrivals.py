"""Policies of gathering a batch at every rate of requests: marserve's own, a fixed delay, and none.

Run `python -m tests.benchmarks.arrivals`. Requests arrive independently of each other (Poisson), without HTTP. The
model takes 20 ms for a batch and 1 ms for each row: 47 requests a second one by one, 444 in batches of 16.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handler.batching.gather_policy import GatherPolicy
from handler.errors import HandlerError
from handler.job import Input, Part
from model_registry.errors import RegistryError
from model_registry.registration import Registration
from model_registry.version import ModelVersion
from tests.benchmarks import plot
from tests.benchmarks.jobs import SLOW, Serving
from tests.benchmarks.open_loop import arrivals
from tests.benchmarks.silence import silence
from tests.benchmarks.tables import parser, publish
from tests.support.serving import serving

RATES = (10, 20, 40, 80, 160, 320, 640, 1000)
BATCH = 16


class AlwaysFullBatch(GatherPolicy):
    """Expects a full batch always, as a fixed delay does."""

    def record_in_flight(self, jobs: int) -> None:
        """Keep expecting a full batch."""

    def record_gathering(self, seconds: float) -> None:
        """Keep expecting a full batch."""


@dataclass(frozen=True)
class Policy:
    """A wait of at most `delay` milliseconds, with a policy of gathering."""

    name: str
    delay: int
    make: Callable[[int], GatherPolicy] = GatherPolicy


def policies(delay: int) -> list[Policy]:
    """The policies that are compared."""
    return [
        Policy("marserve", delay),
        Policy(f"fixed {delay} ms", delay, AlwaysFullBatch),
        Policy("no delay", 0),
    ]


async def measure(version: ModelVersion, rate: float, seconds: float) -> dict[str, Any]:
    """Send requests at that rate to a version that is ready."""
    latencies: list[float] = []
    batches: set[float] = set()
    refused = 0
    request = Input((Part("body", "text/plain", b"hello"),))
    start = time.perf_counter()

    async def ask(due: float) -> None:
        nonlocal refused
        try:
            reply = version.submit(request, "id")
            await reply.future
        except (HandlerError, RegistryError):
            refused += 1
        else:
            latencies.append(1000 * (time.perf_counter() - due))
            assert reply.job is not None
            batches.add(reply.job.taken_at)

    tasks = []
    for at in arrivals(rate, seconds):
        await asyncio.sleep(max(0.0, start + at - time.perf_counter()))
        tasks.append(asyncio.create_task(ask(start + at)))
    await asyncio.gather(*tasks)
    ordered = sorted(latencies)
    return {
        "rate/s": rate, "answered/s": len(ordered) / (time.perf_counter() - start), "refused": refused,
        "p50 ms": ordered[len(ordered) // 2], "p99 ms": ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)],
        "mean batch": len(ordered) / len(batches),
    }  # fmt: skip


async def sweep(
    folder: Path, compared: Sequence[Policy], rates: Sequence[float], seconds: float
) -> list[dict[str, Any]]:
    """A row for each rate and policy."""
    rows = []
    SLOW.build(folder, Serving(batch=BATCH, queue=100))
    async with serving(folder) as client:
        registry = client.application.registry
        for rate in rates:
            for policy in compared:
                version = await registry.register(
                    Registration("slow.mar", batch_size=BATCH, max_batch_delay=policy.delay, initial_workers=1)
                )
                version.batcher._policy = policy.make(BATCH)
                await measure(version, rate, min(1.0, seconds))
                rows.append({"policy": policy.name, **await measure(version, rate, seconds)})
                await registry.unregister("slow")
    return rows


def main() -> None:
    """Measure, and write the results."""
    options = parser("arrivals", __doc__)
    options.add_argument("--seconds", type=float, default=5.0, help="for each rate and policy")
    options.add_argument("--delay", type=int, default=50, help="maxBatchDelay in milliseconds")
    options.add_argument("--rates", default=",".join(map(str, RATES)))
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as name, silence():
        rates = [float(rate) for rate in chosen.rates.split(",")]
        rows = asyncio.run(sweep(Path(name), policies(chosen.delay), rates, chosen.seconds))
    charts = {}
    for figure in ("p50 ms", "p99 ms"):
        series: dict[str, list[tuple[float, float]]] = {}
        for row in rows:
            series.setdefault(row["policy"], []).append((row["rate/s"], row[figure]))
        title = f"arrivals-{figure[:3]}"
        charts[title] = plot.lines(f"{figure[:3]} of independent arrivals", "requests per second", "ms", series)
    notes = (
        f"Batches of {BATCH} at most, a delay of {chosen.delay} ms at most, a queue of 100; {chosen.seconds:g} s each."
    )
    publish("arrivals", chosen.out, rows, notes, charts)


if __name__ == "__main__":
    main()
