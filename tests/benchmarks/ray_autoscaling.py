"""Replicas on Ray Serve under a load curve, each with a third of one GPU.

    python -m tests.benchmarks.ray_autoscaling --seconds 30

A replica answers 20 requests a second, one at a time. Requests are sent when they are due: few, more than two replicas
can answer, few again. A line each second; the exit status is 1 if no replica was
added or removed, or if a request was lost; those that a full queue refuses are not.
"""

import argparse
import asyncio
import sys
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.benchmarks.jobs import Body
from tests.benchmarks.open_loop import OpenLoop, arrivals, percentile, plan, statuses
from tests.support.ray_cluster import deploy, ray_cluster
from tests.support.version_archive import write_archive

HANDLER = (
    "import time\ndef handle(data, context):\n    if data:\n        time.sleep(0.05)\n    return data and ['done']\n"
)
LOW, HIGH = 8.0, 48.0
"""Requests a second."""
OPTIONS = {
    "min_replicas": 1, "max_replicas": 3, "target_ongoing_requests": 2, "upscale_delay_s": 1, "downscale_delay_s": 3,
    "num_cpus": 0.2, "num_gpus": 0.33,
}  # fmt: skip


@dataclass
class Watch:
    """The replicas that run, sampled each second."""

    counts: list[int] = field(default_factory=list)

    async def run(self) -> None:
        """Sample until it is cancelled."""
        while True:
            self.counts.append(await asyncio.to_thread(_running))
            await asyncio.sleep(1)


async def send_curve(port: int, seconds: float) -> bool:
    """Send the three parts of the curve; True where no request was lost, and replicas came and went."""
    watch, is_right = Watch(), True
    watching = asyncio.create_task(watch.run())
    async with OpenLoop(port, timeout=60) as loop:
        for number, rate in enumerate((LOW, HIGH, LOW)):
            first = len(watch.counts)
            body = Body("text/plain", b"a")
            records = await loop.send(plan("m", "/predictions/m", [body], arrivals(rate, seconds, number)))
            replicas = "".join(map(str, watch.counts[first:]))
            p50, p95 = percentile(records, 50), percentile(records, 95)
            print(f"{rate:>4.0f}/s  {statuses(records)}  p50 {p50:.0f} ms, p95 {p95:.0f} ms  replicas {replicas}")
            is_right &= statuses(records).keys() <= {200, 503}
    watching.cancel()
    return is_right and max(watch.counts) == OPTIONS["max_replicas"] and watch.counts[-1] == OPTIONS["min_replicas"]


def _running() -> int:
    from ray import serve

    deployments: Any = serve.status().applications["marserve"].deployments
    return int(deployments["marserve"].replica_states.get("RUNNING", 0))


def main() -> None:
    """Run the curve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30, help="length of each part")
    chosen = parser.parse_args()
    with TemporaryDirectory() as folder, ray_cluster(cores=4, gpus=1) as url:
        write_archive(Path(folder, "m.mar"), "m", "1.0", HANDLER, "batchSize: 1\nminWorkers: 1\nmaxWorkers: 1\n")
        deploy({"models": [str(Path(folder, "m.mar"))], "model_store": folder, **OPTIONS})
        is_right = asyncio.run(send_curve(int(url.rpartition(":")[2]), chosen.seconds))
        print(f"of one GPU {_free_gpu():.2f} is free")
    sys.exit(0 if is_right else 1)


def _free_gpu() -> float:
    import ray

    return float(ray.available_resources().get("GPU", 0))


if __name__ == "__main__":
    main()
