"""The transformer in TorchScript on CUDA: marserve with batches of 1 to 32 against the handler in a bare loop.

Run `python -m tests.benchmarks.gpu` on a machine with a GPU; elsewhere it says that there is none.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from handler.devices.device import Device
from tests.benchmarks import generator, plot
from tests.benchmarks.bare import Loop, Unpacked, measure
from tests.benchmarks.jobs import JOBS, Body, Serving, write
from tests.benchmarks.servers import marserve
from tests.benchmarks.tables import parser, publish

BATCHES = (1, 2, 4, 8, 16, 32)
SIGN = JOBS["sign"]


def bare(call: Any, bodies: list[Body], batch: int, seconds: float) -> dict[str, Any]:
    """The loop on the GPU; the latency is a batch's."""
    took = sorted(measure([call], bodies, Loop(batch, seconds, 0.5)))
    return {
        "server": "bare handler", "batch": batch, "req/s": len(took) * batch / seconds,
        "p50 ms": 1000 * took[len(took) // 2], "p99 ms": 1000 * took[len(took) * 99 // 100], "errors": 0,
    }  # fmt: skip


def served(folder: Path, batch: int, seconds: float, workers: int) -> dict[str, Any]:
    """marserve with that batch size, under twice as many clients."""
    with marserve([SIGN], Serving(workers, batch)) as server:
        generate = generator.choose()
        generate(server.port, "/predictions/sign", folder, 2 * batch, 2.0)
        found = generate(server.port, "/predictions/sign", folder, 2 * batch, seconds)
    return {
        "server": f"marserve, {workers} workers", "batch": batch, "req/s": found.rate, "p50 ms": found.p50,
        "p99 ms": found.p99, "errors": found.errors,
    }  # fmt: skip


def main() -> int:
    """Measure, and write the results; without a GPU only say so."""
    options = parser("gpu", __doc__)
    options.add_argument("--seconds", type=float, default=4.0)
    options.add_argument("--workers", type=int, default=1)
    chosen = options.parse_args()
    import torch

    if not torch.cuda.is_available():
        print("There is no GPU that torch can use here (torch.cuda.is_available() is false): nothing was measured.")
        return 0
    bodies = SIGN.bodies()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(bodies, folder / "bodies")
        unpacked = Unpacked(SIGN.build(folder, Serving()), folder / "unpacked")
        for batch in BATCHES:
            rows.append(bare(unpacked.handler(batch, Device("cuda", 0)), bodies, batch, chosen.seconds))
            rows.append(served(folder / "bodies", batch, chosen.seconds, chosen.workers))
    groups: dict[str, dict[str, float]] = {}
    for row in rows:
        groups.setdefault(f"{row['batch']}", {})[row["server"]] = row["req/s"]
    charts = {"gpu": plot.bars("sign on CUDA, by batch size", "requests per second", groups)}
    publish("gpu", chosen.out, rows, f"On {torch.cuda.get_device_name(0)}, torch {torch.__version__}.", charts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
