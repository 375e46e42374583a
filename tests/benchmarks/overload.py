"""Overload by three times the capacity: time of refusals, throughput, time of recovery.

Run `python -m tests.benchmarks.overload`. The model takes 20 ms for a batch and 1 ms for each row, so that the machine
does not matter; the queue has TorchServe's usual 100 places.
"""

import asyncio
from collections.abc import Sequence
from itertools import count
from typing import Any

from tests.benchmarks.jobs import SLOW, Serving
from tests.benchmarks.open_loop import OpenLoop, Record, arrivals, percentile, plan, statuses
from tests.benchmarks.servers import marserve
from tests.benchmarks.tables import parser, publish

STEP_SECONDS = 0.25
"""The recovery is a multiple of it."""


async def overload(port: int, capacity: float, seconds: float) -> tuple[list[dict[str, Any]], float]:
    """A row for before, during and after; and the seconds until it was as before."""
    bodies, phases = SLOW.bodies(), []
    for name, rate, time in (("before", 0.5, 4.0), ("overload", 3.0, seconds), ("after", 0.5, 8.0)):
        phases.append(plan(name, "/predictions/slow", bodies, arrivals(rate * capacity, time)))
    offset, dues = 0.0, []
    for phase, time in zip(phases, (4.0, seconds, 8.0), strict=True):
        dues += [due._replace(at=due.at + offset) for due in phase]
        offset += time
    async with OpenLoop(port) as loop:
        records = await loop.send(dues)
    by_name = {name: [record for record in records if record.kind == name] for name in ("before", "overload", "after")}
    rows = [
        _row(name, found, time, capacity)
        for (name, found), time in zip(by_name.items(), (4.0, seconds, 8.0), strict=True)
    ]
    for row in rows:
        row["generator late ms"] = 1000 * loop.late
    return rows, recovery(by_name["before"], by_name["after"])


def _row(name: str, records: Sequence[Record], seconds: float, capacity: float) -> dict[str, Any]:
    refused = sorted(record.latency for record in records if record.status not in (0, 200))
    answered = sum(record.status == 200 for record in records)
    return {
        "phase": name, "offered/s": len(records) / seconds, "answered/s": answered / seconds,
        "of capacity": answered / seconds / capacity, "statuses": str(statuses(records)),
        "accepted p50 ms": percentile(records, 50), "accepted p99 ms": percentile(records, 99),
        "refusal p50 ms": refused[len(refused) // 2] if refused else float("nan"),
    }  # fmt: skip


def recovery(before: Sequence[Record], after: Sequence[Record]) -> float:
    """Seconds from the end of the overload until nothing was refused any more and the median was as before."""
    start = min(record.due for record in after)
    limit, last = 2 * percentile(before, 50) + 5, 0.0
    for number in count():
        part = [
            record
            for record in after
            if start + number * STEP_SECONDS <= record.due < start + (number + 1) * STEP_SECONDS
        ]
        if not part:
            return last
        if any(record.status != 200 for record in part) or percentile(part, 50) > limit:
            last = (number + 1) * STEP_SECONDS
    raise AssertionError


def main() -> None:
    """Measure, and write the results."""
    options = parser("overload", __doc__)
    options.add_argument("--seconds", type=float, default=10.0)
    chosen = options.parse_args()
    serving = Serving(queue=100)
    capacity = serving.batch / (0.020 + 0.001 * serving.batch)
    with marserve([SLOW], serving) as server:
        rows, seconds = asyncio.run(overload(server.port, capacity, chosen.seconds))
    notes = f"The model can do {capacity:.0f} requests a second. As before {seconds:.2f} s after the overload."
    publish("overload", chosen.out, rows, notes)


if __name__ == "__main__":
    main()
