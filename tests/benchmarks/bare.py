"""The limit of the handler: an archive's handler in a loop, request bytes in, answer bytes out, without a server.

`python -m tests.benchmarks.bare ARCHIVE BODIES --batch 16 --seconds 4` prints a JSON object; the harness runs it as a
process of its own. It tries one and all threads for torch, and one Python thread for each core; the best counts.
"""

import argparse
import itertools
import json
import sys
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from handler.devices.cpu_budget import usable_cores
from handler.devices.device import CPU, Device
from handler.job import Input, Job, Part
from handler.payload.request_rows import make_row
from handler.payload.results import encode
from handler.workers.batch_context import BatchContext
from handler.workers.loader import load_entry_point
from handler.workers.spec import ServiceSpec
from tests.benchmarks.jobs import Body, read

Call = Callable[[Sequence[Body]], list[bytes]]


class Unpacked:
    """An unpacked archive whose folder is on the path: its modules by their plain names."""

    def __init__(self, archive: Path, folder: Path) -> None:
        self.folder = folder
        with zipfile.ZipFile(archive) as file:
            file.extractall(folder)
        self.manifest = json.loads((folder / "MAR-INF/MANIFEST.json").read_text())
        self.config: dict[str, Any] = yaml.safe_load((folder / "model-config.yaml").read_text())
        sys.path.insert(0, str(folder))

    def holds(self, top: str) -> bool:
        """Whether there is such a module."""
        return (self.folder / f"{top}.py").is_file()

    def forbids(self, top: str) -> bool:
        """No module is hidden here."""
        return False

    def load(self, name: str) -> ModuleType:
        """The handler's module, by a name of its own: `handler` is a package of the server's as well."""
        spec = spec_from_file_location(f"bare_{name}", self.folder / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[spec.name] = module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def handler(self, batch: int, device: Device = CPU) -> Call:
        """A handler that has been initialized: bodies in, encoded answers out."""
        model = self.manifest["model"]
        spec = ServiceSpec(model["modelName"], self.folder, self.manifest, model["handler"], batch, lambda: self.config)
        context, entry = BatchContext.of_worker(spec, device), load_entry_point(self, model["handler"])
        entry.initialize(context)

        def call(bodies: Sequence[Body]) -> list[bytes]:
            jobs = [Job(Input((Part("body", *body),)), "") for body in bodies]
            context.start_batch(jobs)
            answers: Any = entry.handle([make_row(job.input) for job in jobs], context)
            return [encode(answer) for answer in answers]

        return call


@dataclass(frozen=True)
class Loop:
    """The seconds of the loop, and the requests of each iteration."""

    batch: int
    seconds: float
    warm_up: float
    lone_client: bool = False
    """Whether nothing runs beside a request, as with only one client."""


def measure(calls: Sequence[Call], bodies: Sequence[Body], loop: Loop) -> list[float]:
    """Seconds of each batch, of as many Python threads as there are handlers."""
    start = time.perf_counter() + loop.warm_up
    with ThreadPoolExecutor(len(calls)) as pool:
        runs = [pool.submit(_loop, call, bodies, loop, start) for call in calls]
        return [took for run in runs for took in run.result()]


def _loop(call: Call, bodies: Sequence[Body], loop: Loop, start: float) -> list[float]:
    upcoming, took = itertools.cycle(bodies), []
    now = time.perf_counter()
    while now < start + loop.seconds or not took:
        call(list(itertools.islice(upcoming, loop.batch)))
        before, now = now, time.perf_counter()
        if before >= start:
            took.append(now - before)
    return took


def best(make: Callable[[], Call], bodies: Sequence[Body], loop: Loop) -> dict[str, Any]:
    """The fastest way to use the cores: requests a second, milliseconds of a batch, and the way."""
    return max(_measure_ways(make, bodies, loop), key=lambda found: found["rate"])


def _measure_ways(make: Callable[[], Call], bodies: Sequence[Body], loop: Loop) -> Iterator[dict[str, Any]]:
    cores = usable_cores()
    for threads, inner in dict.fromkeys([(1, 1), (1, cores), (1 if loop.lone_client else cores, 1)]):
        calls = [make() for _ in range(threads)]
        torch = sys.modules.get("torch")
        if torch is None and inner > 1:
            continue
        if torch is not None:
            torch.set_num_threads(inner)
        cpu, began = time.process_time(), time.perf_counter()
        took = sorted(measure(calls, bodies, loop))
        cores_used = (time.process_time() - cpu) / (time.perf_counter() - began)
        rate = len(took) * loop.batch / loop.seconds
        yield {
            "rate": rate, "p50": 1e3 * took[len(took) // 2], "p99": 1e3 * took[len(took) * 99 // 100],
            "cpu": 1e3 * cores_used / rate, "way": f"{threads} Python x {inner} torch threads",
        }  # fmt: skip


def main() -> None:
    """Measure, or answer each request once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path)
    parser.add_argument("bodies", type=Path, help="a folder of files 00, 01, ... and content-type")
    parser.add_argument("--answers", action="store_true", help="print the answer to each body instead")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--warm-up", type=float, default=0.5)
    parser.add_argument("--lone-client", action="store_true", help="as a single client would ask")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    bodies = read(chosen.bodies)
    with tempfile.TemporaryDirectory() as folder:
        unpacked = Unpacked(chosen.archive, Path(folder))
        if chosen.answers:
            call = unpacked.handler(1)
            print(json.dumps([json.loads(call([body])[0]) for body in bodies]))
        else:
            loop = Loop(chosen.batch, chosen.seconds, chosen.warm_up, chosen.lone_client)
            print(json.dumps(best(lambda: unpacked.handler(chosen.batch), bodies, loop)))


if __name__ == "__main__":
    main()
