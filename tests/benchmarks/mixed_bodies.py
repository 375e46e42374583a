"""Large JSON bodies (600 kB windows) beside small requests to another model: what that does to the small ones.

Run `python -m tests.benchmarks.mixed_bodies`.
"""

import asyncio
from typing import Any

from tests.benchmarks.jobs import JOBS, LARGE
from tests.benchmarks.open_loop import OpenLoop, arrivals, percentile, plan, statuses
from tests.benchmarks.servers import Server, marserve
from tests.benchmarks.tables import parser, publish


async def mixed(server: Server, seconds: float, small: float, large: float) -> dict[str, Any]:
    """So many small and so many large requests a second."""
    echo = JOBS["echo"]
    dues = plan("small", "/predictions/echo", echo.bodies(), arrivals(small, seconds))
    if large:
        dues += plan("large", f"/predictions/{LARGE.name}", LARGE.bodies(), arrivals(large, seconds, seed=2))
    async with OpenLoop(server.port) as loop:
        records = await loop.send(dues)
    kinds = {kind: [record for record in records if record.kind == kind] for kind in ("small", "large")}
    return {
        "large/s": large, "small/s": small, "small p50 ms": percentile(kinds["small"], 50),
        "small p99 ms": percentile(kinds["small"], 99), "large p50 ms": percentile(kinds["large"], 50),
        "statuses": str(statuses(records)), "generator late ms": 1000 * loop.late,
    }  # fmt: skip


def main() -> None:
    """Measure, and write the results."""
    options = parser("mixed_bodies", __doc__)
    options.add_argument("--seconds", type=float, default=6.0)
    options.add_argument("--small", type=float, default=200.0, help="small requests a second")
    chosen = options.parse_args()
    size = len(LARGE.bodies()[0].value)
    with marserve([JOBS["echo"], LARGE]) as server:
        asyncio.run(mixed(server, 1.0, chosen.small, 10))
        rows = [asyncio.run(mixed(server, chosen.seconds, chosen.small, large)) for large in (0, 5, 20, 40)]
    for row in rows:
        row["x p99 alone"] = row["small p99 ms"] / rows[0]["small p99 ms"]
    publish(
        "mixed_bodies",
        chosen.out,
        rows,
        f"Large bodies have {size} bytes, small ones {len(JOBS['echo'].bodies()[0].value)}.",
    )


if __name__ == "__main__":
    main()
