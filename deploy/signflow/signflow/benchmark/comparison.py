"""Measures how fast signs are translated: by marserve, by another server with TorchServe's flags, and without a server.

python -m signflow.benchmark STORE --svg benchmark.svg --torchserve 'torchserve --foreground ...'
"""

import argparse
import asyncio
import itertools
import os
import platform
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .bar_chart import Row, picture
from .in_process import measure_loop
from .load_generator import Body, Measured, make_bodies, make_request, measure
from .server_under_test import Contestant, Serving

FLAGS = "--foreground --model-store {store} --ts-config {config} --ncs"
MARSERVE = f"{Path(sys.executable).with_name('torchserve')} {FLAGS}"


@dataclass(frozen=True, slots=True)
class Result:
    """A row of the table."""

    name: str
    setting: str
    measured: Measured

    @property
    def label(self) -> str:
        """Who was measured, and how it was set."""
        return f"{self.name}: {self.setting}"


def main(argv: list[str] | None = None) -> None:
    """Measure what the options say, and print the best of each as a table for every form of a request."""
    chosen = _parser().parse_args(argv)
    print(machine())
    found: dict[str, list[Result]] = {}
    for form in chosen.forms:
        found[form] = [best(measured) for measured in _contests(chosen, form)]
        print(f"\n{table(form, found[form])}", flush=True)
    if chosen.svg:
        charts = [chart for form, results in found.items() for chart in bars(form, results)]
        title = f"SignFlow, {chosen.signers} callers"
        chosen.svg.write_text(picture(title, machine(), charts), encoding="utf-8")


def best(results: Iterable[Result]) -> Result:
    """The one with the most answers; each is told when it is there."""
    found = []
    for result in results:
        print(f"{result.label}: {result.measured.throughput:.0f}/s", file=sys.stderr, flush=True)
        found.append(result)
    return max(found, key=lambda result: result.measured.throughput)


def table(form: str, results: Sequence[Result]) -> str:
    """The results in Markdown; the first is what the others are compared with. Milliseconds to the tenth."""
    lines = [
        f"| {form} | best setting | answers/s | | p50 ms | p95 ms | p99 ms | CPU ms each | errors |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for result in results:
        measured = result.measured
        share = measured.throughput / results[0].measured.throughput
        latencies = " | ".join(f"{measured.percentile(percent):.1f}" for percent in (50, 95, 99))
        lines.append(
            f"| {result.name} | {result.setting} | {measured.throughput:.0f} | {share:.0%} | {latencies}"
            f" | {1000 * measured.cpu:.2f} | {measured.errors} |"
        )
    return "\n".join(lines)


def bars(form: str, results: Iterable[Result]) -> Iterator[tuple[str, list[Row]]]:
    """Charts of throughput and latency."""
    each = [(result.label, result.measured) for result in results]
    yield (
        f"Answers per second, {form}",
        [(label, measured.throughput, f"{measured.throughput:.0f}") for label, measured in each],
    )
    for percent, name in ((50, "half of the answers"), (95, "95 % of the answers")):
        values = [(label, measured.percentile(percent)) for label, measured in each]
        yield f"Milliseconds, {form}, {name}", [(label, value, f"{value:.1f}") for label, value in values]


def machine() -> str:
    """What it was measured on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{_processor()}, {cores} cores; {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    )


def _contests(chosen: argparse.Namespace, form: str) -> Iterator[Iterator[Result]]:
    bodies = make_bodies(chosen.signers, form)
    yield _in_process(chosen, bodies)
    yield _served(chosen, bodies, "marserve", chosen.marserve)
    if chosen.torchserve:
        yield _served(chosen, bodies, "TorchServe", chosen.torchserve)


def _in_process(chosen: argparse.Namespace, bodies: Sequence[Body]) -> Iterator[Result]:
    """The handler in a bare loop: no server, no other process, no waiting."""
    for batch, threads in itertools.product(chosen.batches, chosen.workers):
        measured = measure_loop(bodies, batch, threads, chosen.seconds)
        yield Result("no server", f"batch {batch}, {threads} thread{'s' * (threads > 1)}", measured)


def _served(chosen: argparse.Namespace, bodies: Sequence[Body], name: str, command: str) -> Iterator[Result]:
    requests = [make_request("/predictions/sign", *body) for body in bodies]
    with (
        tempfile.TemporaryDirectory() as folder,
        Contestant(name, command, Path(folder), chosen.store.resolve()) as server,
    ):
        for batch, workers, delay in itertools.product(chosen.batches, chosen.workers, chosen.delays):
            serving = Serving(workers, batch, delay)
            server.serve(serving)
            before = server.cpu_seconds()
            measured = asyncio.run(measure("127.0.0.1", server.port, requests, chosen.seconds, chosen.rate))
            measured.cpu = (server.cpu_seconds() - before) / max(1, measured.answers)
            yield Result(name, str(serving), measured)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("store", type=Path, help="the folder with sign.mar")
    parser.add_argument("--signers", type=int, default=64, help="concurrent callers, 64 by default")
    parser.add_argument("--seconds", type=float, default=5, help="for each setting, 5 by default")
    parser.add_argument(
        "--rate", type=float, help="requests per second of all signers; without it, as fast as answered"
    )
    parser.add_argument(
        "--forms", type=lambda text: text.split(","), default=["windows", "landmarks"], metavar="FORM,...",
        help="what is sent: windows (bytes), landmarks (JSON), points (.npy); windows,landmarks by default",
    )  # fmt: skip
    parser.add_argument("--batches", type=_numbers, default=[8, 16, 32], metavar="N,...", help="8,16,32 by default")
    parser.add_argument("--workers", type=_numbers, default=[1, 2], metavar="N,...", help="or threads; 1,2 by default")
    parser.add_argument("--delays", type=_numbers, default=[5], metavar="MS,...", help="for full batches; 5 by default")
    parser.add_argument("--marserve", default=MARSERVE, metavar="COMMAND", help="how marserve is started")
    parser.add_argument("--torchserve", metavar="COMMAND", help=f"'torchserve {FLAGS}', say, of another environment")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="where the charts go")
    return parser


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or "an unnamed processor")
