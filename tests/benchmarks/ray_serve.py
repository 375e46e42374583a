"""The same handler in marserve alone, in marserve on Ray Serve, and in Ray Serve with its own batching.

python -m tests.benchmarks.ray_serve --clients 16 --seconds 5

The handler sleeps 2 ms and 0.2 ms more for each row, as a device does; batches have 16 rows at most, and wait for 5 ms.
Ray needs a machine of its own: with few cores its proxy and the load generator share them with the model.
"""

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.processes import Server
from tests.support.ray_cluster import deploy, ray_cluster
from tests.support.version_archive import write_archive

BATCH, DELAY_MS = 16, 5
BASE_SECONDS, ROW_SECONDS = 0.002, 0.0002
SOURCE = f"""
import time
class Sleeps:
    def initialize(self, context):
        pass
    def handle(self, data, context):
        time.sleep({BASE_SECONDS} + {ROW_SECONDS} * len(data))
        return ["done"] * len(data)
"""


def plain_application() -> Any:
    """Ray Serve with `@serve.batch` around the same work."""
    from ray import serve

    @serve.deployment(num_replicas=1, max_ongoing_requests=128, ray_actor_options={"num_cpus": 1})
    class Plain:
        @serve.batch(max_batch_size=BATCH, batch_wait_timeout_s=DELAY_MS / 1000)
        async def handle(self, bodies: list[bytes]) -> list[str]:
            time.sleep(BASE_SECONDS + ROW_SECONDS * len(bodies))  # noqa: ASYNC251 # as the plain way has it
            return ["done"] * len(bodies)

        async def __call__(self, request: Any) -> str:
            return await self.handle(await request.body())  # type: ignore[arg-type, return-value]

    return Plain.bind()


def measure(url: str, clients: int, seconds: float) -> dict[str, float]:
    """Requests a second and the median in milliseconds, by wrk's closed loop."""
    script = Path(__file__).with_name("post.lua")
    command = ["wrk", "-t1", f"-c{clients}", f"-d{round(seconds)}s", "--latency", "-s", str(script), url]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = {words[0]: words[1] for words in map(str.split, output.splitlines()) if len(words) == 2}
    scale = {"us": 0.001, "ms": 1.0, "s": 1000.0}
    median = found["50%"]
    unit = next(each for each in ("us", "ms", "s") if median.endswith(each))
    return {"req/s": float(found["Requests/sec:"]), "p50 ms": float(median.removesuffix(unit)) * scale[unit]}


@contextmanager
def model_store() -> Iterator[Path]:
    """A folder with the archive."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder, "store")
        store.mkdir()
        write_archive(store / "m.mar", "m", "1.0", SOURCE, f"batchSize: {BATCH}\nmaxBatchDelay: {DELAY_MS}\n")
        yield store


def main() -> None:
    """Measure the three, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    rows = {}
    with model_store() as store:
        with Server.of(store, "m.mar") as alone:
            alone.until_listening()
            rows["marserve alone"] = measure(f"{alone.url}/predictions/m", options.clients, options.seconds)
        with ray_cluster(os.cpu_count() or 2) as url:
            from ray import serve

            deploy({"models": [str(store / "m.mar")], "model_store": str(store), "num_replicas": 1})
            rows["marserve on Ray Serve"] = measure(f"{url}/predictions/m", options.clients, options.seconds)
            serve.run(plain_application(), name="marserve", route_prefix="/")
            rows["Ray Serve, @serve.batch"] = measure(f"{url}/", options.clients, options.seconds)
    for name, row in rows.items():
        print(f"{name:<26} {row['req/s']:>8.0f} req/s  p50 {row['p50 ms']:.1f} ms")


if __name__ == "__main__":
    main()
