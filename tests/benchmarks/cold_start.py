"""Cold starts: seconds from the spawn of the process to the first right answer.

`python -m tests.benchmarks.cold_start --torchserve /path/to/torchserve` makes its archives and prints a table.
Beside each server stands its limit: a bare program that imports the engine, loads the model and computes once.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from zipfile import ZipFile

from tests.benchmarks import machine
from tests.benchmarks.jobs import JOBS, Body, Serving, right_answers
from tests.benchmarks.servers import OURS, Candidate

TORCH = """
import sys, torch
model = torch.jit.load(sys.argv[1])
with torch.inference_mode():
    model(torch.zeros({shape}))
"""
ONNX = """
import sys, numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
session.run(None, {{session.get_inputs()[0].name: numpy.zeros({shape}, numpy.float32)}})
"""
BARE = {"onnx": ONNX, "sign": TORCH}
"""The limit of each job: sign is a model in TorchScript, and onnx the same without torch."""
SHAPE = (1, 64, 469)
NOTES = """\
Seconds from the start of the process to the first right answer: medians over the {rounds} rounds after a first that
does not count (it fills the caches of files and of compiled modules), or over those of them in which other processes
used no more than {noise} cores. PSS is the memory after that answer; `torch` says whether torch is in it."""


@dataclass
class Starts:
    """The starts of one candidate, and the cores that other processes used meanwhile."""

    seconds: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)
    memory: float = 0.0
    torch: bool = False

    def median(self, noise: float) -> float:
        """The median of the quiet starts, or of all where there were none."""
        quiet = [took for took, used in zip(self.seconds, self.others, strict=True) if used <= noise]
        return median(quiet or self.seconds)

    def quiet(self, noise: float) -> int:
        """The number of quiet starts."""
        return sum(used <= noise for used in self.others)


class Comparison:
    """The starts of one job: of its limit and of every candidate, alternating."""

    def __init__(
        self, job: str, candidates: Sequence[Candidate], store: Path, quiet_timeout: float, noise: float
    ) -> None:
        self._job, self._candidates, self._store = job, candidates, store
        self._quiet_timeout, self._noise = quiet_timeout, noise
        self._archive = JOBS[job].build(store, Serving())
        self._body: Body = JOBS[job].bodies()[0]
        (self._expected,) = right_answers(self._archive, [self._body])
        self.rows = {name: Starts() for name in ("bare", *(each.name for each in candidates))}

    def round(self) -> None:
        """Start each once."""
        self._timed("bare", self._bare)
        for candidate in self._candidates:
            self._timed(candidate.name, lambda candidate=candidate: self._serve(candidate))  # type: ignore[misc]

    def reset(self) -> None:
        """Drop the starts so far."""
        for row in self.rows.values():
            row.seconds, row.others = [], []

    def _timed(self, name: str, start: Callable[[], tuple[float, float]]) -> None:
        machine.wait_until_quiet(self._noise, self._quiet_timeout)
        busy, own, began = machine.busy_seconds(), sum(os.times()[:2]), time.perf_counter()
        took, used = start()
        others = machine.busy_seconds() - busy - (sum(os.times()[:2]) - own) - used
        self.rows[name].seconds.append(took)
        self.rows[name].others.append(max(0.0, others) / (time.perf_counter() - began))

    def _bare(self) -> tuple[float, float]:
        """Seconds that the bare program took, and seconds of all cores that it used."""
        with tempfile.TemporaryDirectory() as folder:
            path, before = self._model(folder), sum(os.times()[2:4])
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", BARE[self._job].format(shape=SHAPE), path], check=True)
            return time.perf_counter() - began, sum(os.times()[2:4]) - before

    def _model(self, folder: str) -> str:
        """The archive's serialized file, unpacked."""
        with ZipFile(self._archive) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith((".pt", ".onnx")))
            return archive.extract(name, folder)

    def _serve(self, candidate: Candidate) -> tuple[float, float]:
        """The same for a server, to its first right answer."""
        with (
            tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
            candidate.server([self._job], self._store, Path(folder), self._expected) as server,
        ):
            took = server.until_right(f"/predictions/{self._job}", self._body, self._expected)
            used, row = server.tree.cpu(), self.rows[candidate.name]
            row.memory, row.torch = server.tree.memory() / (1 << 20), any(map(_holds_torch, server.tree.pids()))
            return took, used


def _holds_torch(pid: int) -> bool:
    return "libtorch" in Path(f"/proc/{pid}/maps").read_text()


def table(jobs: Mapping[str, Mapping[str, Starts]], noise: float) -> Iterator[str]:
    """A row for each start of each job, in Markdown."""
    yield "| job | start | seconds | times the limit | quiet rounds | PSS, MiB | torch |"
    yield "|---|---|---:|---:|---:|---:|---|"
    for job, rows in jobs.items():
        limit = rows["bare"].median(noise)
        for name, row in rows.items():
            took, memory = row.median(noise), f"{row.memory:.0f}" if row.memory else ""
            quiet = f"{row.quiet(noise)} of {len(row.seconds)}"
            yield f"| {job} | {name} | {took:.2f} | {took / limit:.2f} | {quiet} | {memory} | {'yes' * row.torch} |"


def main() -> int:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", default=",".join(BARE), help="of: %(default)s")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--torchserve", metavar="COMMAND", help="a real TorchServe's `torchserve` command")
    parser.add_argument("--noise", type=float, default=0.3, help="cores that others may use in a quiet round")
    parser.add_argument("--quiet-timeout", type=float, default=20.0, help="seconds to wait for a quiet moment")
    chosen = parser.parse_args()
    candidates = [Candidate("marserve", OURS)]
    if chosen.torchserve:
        candidates.append(Candidate("TorchServe", tuple(shlex.split(chosen.torchserve))))
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed server's modules are compiled
    with tempfile.TemporaryDirectory() as store:
        comparisons = {
            job: Comparison(job, candidates, Path(store), chosen.quiet_timeout, chosen.noise)
            for job in chosen.jobs.split(",")
        }
        for number in range(chosen.rounds + 1):
            for comparison in comparisons.values():
                comparison.round()
                if number == 0:
                    comparison.reset()
    print(machine.headline(machine.describe()))
    print(
        NOTES.format(rounds=chosen.rounds, noise=chosen.noise),
        *table({job: comparison.rows for job, comparison in comparisons.items()}, chosen.noise),
        sep="\n",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
