"""Measures marserve against its limits, and against TorchServe where there is one: `python -m tests.benchmarks`.

Each server is started afresh in every round, in an order that turns round; a load that others disturbed is repeated.
The limits are the archive's handler in a bare loop, and two applications under uvicorn: one answers a constant, the
other calls the handler on a thread.
"""

import argparse
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks import generator, machine, report
from tests.benchmarks.jobs import JOBS, Body, Job, Serving, right_answers, run_bare, write
from tests.benchmarks.probe import Probe
from tests.benchmarks.servers import OURS, Candidate, Constant, Server, Threaded
from tests.benchmarks.tables import RESULTS

NOTES = """\
Every server runs the same archive with the same command line, batches of {batch} and a delay of {delay} ms at most;
{generator}. Requests per second, latencies and the rest are medians over
the rounds in which other processes used no more than {noise} cores (`others`); `spread` is (most - least) / median of
so many rounds. CPU is that of the server's processes, PSS is taken right after the load, cold is from the start of the
process to the first right answer. The bare handler's latency is a batch's. `wrong` counts answers that were not the
right one, of those that were looked at."""
PROBE_PAUSE_SECONDS = 0.5
"""Between two answers that are checked under load."""


@dataclass(frozen=True)
class Plan:
    """The jobs, the servers and the times of a run."""

    jobs: Sequence[Job]
    clients: Sequence[int]
    candidates: Sequence[Candidate]
    seconds: float
    warm_up: float
    rounds: int
    noise: float
    retries: int
    quiet_timeout: float
    serving: Serving


class Run:
    """Carries out a plan; each cell is reported as it comes."""

    def __init__(
        self, plan: Plan, generate: generator.Generator, work: Path, report_line: Callable[[str], None]
    ) -> None:
        self.cells: list[report.Cell] = []
        self._plan, self._generate, self._work, self._report = plan, generate, work, report_line

    def job(self, job: Job) -> None:
        """All rounds of one job."""
        workers = {candidate.workers for candidate in self._plan.candidates}
        for count in workers:
            store = self._store(count)
            store.mkdir(exist_ok=True)
            job.build(store, Serving(count, self._plan.serving.batch, self._plan.serving.delay))
        bodies = job.bodies()
        write(bodies, self._bodies(job))
        answers = right_answers(self._store(min(workers)) / f"{job.name}.mar", bodies)
        for number in range(self._plan.rounds):
            self._bare(job)
            ordered = self._plan.candidates if number % 2 == 0 else self._plan.candidates[::-1]
            for candidate in ordered:
                self._measure_candidate(job, candidate, bodies, answers)

    def _measure_candidate(
        self, job: Job, candidate: Candidate, bodies: Sequence[Body], answers: Sequence[Any]
    ) -> None:
        path, wanted = f"/predictions/{job.name}", answers if candidate.answers else [None] * len(bodies)
        with tempfile.TemporaryDirectory(dir=self._work, ignore_cleanup_errors=True) as folder:
            machine.wait_until_quiet(self._plan.noise, self._plan.quiet_timeout)
            with candidate.server([job.name], self._store(candidate.workers), Path(folder), answers[0]) as server:
                cold = server.until_right(path, bodies[0], wanted[0])
                probe = Probe(server, path, bodies, wanted, PROBE_PAUSE_SECONDS)
                probe.all_at_once()
                facts = {"job": job.name, "server": candidate.label, "cold": cold}
                for clients in self._plan.clients:
                    self._generate(server.port, path, self._bodies(job), clients, self._plan.warm_up)
                    cell = self._quietest(lambda: self._measure(server, job, bodies, wanted, clients))  # noqa: B023
                    if clients == self._plan.clients[0]:
                        cell["wrong"] += probe.wrong
                        cell["errors"] += probe.failed
                    self._record({**facts, "clients": clients, **cell})

    def _measure(
        self, server: Server, job: Job, bodies: Sequence[Body], wanted: Sequence[Any], clients: int
    ) -> report.Cell:
        path = f"/predictions/{job.name}"
        probe = Probe(server, path, bodies, wanted, PROBE_PAUSE_SECONDS if clients > 1 else 1e6)
        before, own, busy, began = server.tree.cpu(), time.process_time(), machine.busy_seconds(), time.perf_counter()
        with probe:
            found = self._generate(server.port, path, self._bodies(job), clients, self._plan.seconds)
        cpu, own = server.tree.cpu() - before, time.process_time() - own
        wall = time.perf_counter() - began
        others = (machine.busy_seconds() - busy - cpu - own - found.cpu) / wall
        return {
            "rate": found.rate, "p50": found.p50, "p99": found.p99, "others": others,
            "errors": found.errors + probe.failed, "wrong": probe.wrong, "checked": probe.right + probe.wrong,
            "cpu": 1000 * cpu / max(1, found.answers), "memory": server.tree.memory(),
            "cores": cpu / wall, "generator_cores": (found.cpu + own) / wall,
        }  # fmt: skip

    def _bare(self, job: Job) -> None:
        """Measure the bare loop, for each batch size that so many clients can fill."""
        loops = {clients: (min(clients, self._plan.serving.batch), clients > 1) for clients in self._plan.clients}
        for size, concurrent in dict.fromkeys(loops.values()):
            cell = self._quietest(lambda: self._bare_once(job, size, concurrent))  # noqa: B023
            for clients in (clients for clients, loop in loops.items() if loop == (size, concurrent)):
                self._record({"job": job.name, "server": report.BARE, "clients": clients, **cell})

    def _bare_once(self, job: Job, size: int, concurrent: bool) -> report.Cell:
        archive = self._store(self._plan.candidates[0].workers) / f"{job.name}.mar"
        times = {"seconds": self._plan.seconds / 2, "warm-up": min(0.5, self._plan.warm_up)}
        options = [f"--batch={size}", *(f"--{name}={value}" for name, value in times.items())]
        busy, began, before = machine.busy_seconds(), time.perf_counter(), generator.children_seconds()
        found = run_bare(archive, self._bodies(job), *options, *([] if concurrent else ["--lone-client"]))
        ours = generator.children_seconds() - before
        others = (machine.busy_seconds() - busy - ours) / (time.perf_counter() - began)
        return {**found, "others": others, "errors": 0, "wrong": 0}

    def _quietest(self, measure: Callable[[], report.Cell]) -> report.Cell:
        """The first measurement without disturbance by other processes, or the least disturbed."""
        cells: list[report.Cell] = []
        for _ in range(1 + self._plan.retries):
            cells.append(measure())
            if cells[-1]["others"] <= self._plan.noise:
                break
            machine.wait_until_quiet(self._plan.noise, self._plan.quiet_timeout)
        return min(cells, key=lambda cell: cell["others"]) | {"tries": len(cells)}

    def _record(self, cell: report.Cell) -> None:
        self.cells.append(cell)
        self._report(
            f"{cell['job']:<10}{cell['clients']:>4} {cell['server']:<24}{cell['rate']:>9.1f}/s  p50 {cell['p50']:.2f}"
            f"  p99 {cell['p99']:.2f} ms  errors {cell['errors']}  wrong {cell['wrong']}  others {cell['others']:.2f}"
        )

    def _store(self, workers: int) -> Path:
        return self._work / f"store-{workers}"

    def _bodies(self, job: Job) -> Path:
        return self._work / f"bodies-{job.name}"


def candidates(ours: Sequence[int], torchserve: str | None) -> Iterator[Candidate]:
    """marserve and TorchServe, with each number of workers, and the two applications that are limits."""
    for workers in ours:
        yield Candidate("marserve", OURS, workers)
        if torchserve:
            yield Candidate("TorchServe", tuple(shlex.split(torchserve)), workers)
    yield Constant(report.CONSTANT, workers=ours[0])
    yield Threaded(report.THREADED, workers=ours[0])


def measure(plan: Plan, out: Path, generate: generator.Generator, report_line: Callable[[str], None]) -> dict[str, Any]:
    """Carry out a plan, and write the results after each job."""
    results: dict[str, Any] = {"machine": machine.describe(), "command": _command()}
    with tempfile.TemporaryDirectory(prefix="marserve-benchmark-", ignore_cleanup_errors=True) as name:
        work = Path(name)
        (work / "ceiling").mkdir()
        most = generator.ceiling(generate, work / "ceiling", min(2.0, plan.seconds))
        loader = "wrk loads" if generate is generator.with_wrk else "clients of the harness itself load"
        load = f"{loader} it in a closed loop, with one thread that can do {most:.0f} requests per second at most"
        results |= {
            "generator": load,
            "notes": NOTES.format(generator=load, **vars(plan.serving), noise=plan.noise),
        }
        run = Run(plan, generate, work, report_line)
        for job in plan.jobs:
            run.job(job)
            results |= {"rows": report.rows(run.cells, plan.noise), "cells": run.cells}
            report.write(results, out)
    return results


def main() -> int:
    """Measure as the command line says; the status is 1 if an answer was wrong."""
    chosen = _parser().parse_args()
    plan = Plan(
        [JOBS[name] for name in chosen.jobs.split(",")],
        [int(number) for number in chosen.clients.split(",")],
        list(candidates([int(number) for number in chosen.workers.split(",")], chosen.torchserve)),
        chosen.seconds, chosen.warm_up, chosen.rounds, chosen.noise, chosen.retries, chosen.quiet_timeout,
        Serving(batch=chosen.batch, delay=chosen.delay),
    )  # fmt: skip
    results = measure(plan, chosen.out, generator.choose(), lambda line: print(line, flush=True))
    print(report.markdown(results))
    return 1 if any(row["wrong"] for row in results["rows"]) else 0


def _command() -> str:
    return shlex.join(["python", "-m", "tests.benchmarks", *sys.argv[1:]])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    add = parser.add_argument
    add("--jobs", default=",".join(JOBS), help="of %(default)s")
    add("--clients", default="1,16,64", help="%(default)s by default")
    add("--workers", default="1,2", help="of marserve and of TorchServe; %(default)s by default")
    add("--seconds", type=float, default=4.0, help="of each load; %(default)s by default")
    add("--warm-up", type=float, default=2.0, help="seconds before each load; %(default)s by default")
    add("--rounds", type=int, default=3, help="%(default)s by default")
    add("--batch", type=int, default=16, help="batch size; %(default)s by default")
    add("--delay", type=int, default=5, help="most milliseconds to gather a batch; %(default)s by default")
    add("--torchserve", metavar="COMMAND", help="TorchServe's own, of another environment")
    add("--noise", type=float, default=0.15, help="cores that others may use in a load; %(default)s by default")
    add("--retries", type=int, default=2, help="how often a disturbed load is repeated; %(default)s by default")
    add("--quiet-timeout", type=float, default=30.0, help="seconds to wait for quiet; %(default)s by default")
    add("--out", type=Path, default=RESULTS, help="where results go")
    return parser


if __name__ == "__main__":
    sys.exit(main())
