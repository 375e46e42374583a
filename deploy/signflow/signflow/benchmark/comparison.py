"""Compares how fast signs are translated by marserve, by another server with TorchServe's flags, and in process.

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

from .bar_chart import Row, render_charts
from .in_process import measure_in_process
from .load_generator import Body, Measurement, make_bodies, make_request, measure
from .server_under_test import ServerUnderTest, ServingOptions

FLAGS = "--foreground --model-store {store} --ts-config {config} --ncs"
MARSERVE = f"{Path(sys.executable).with_name('torchserve')} {FLAGS}"


@dataclass(frozen=True, slots=True)
class Result:
    """A row of the table: a server, or none, with its settings."""

    name: str
    setting: str
    measurement: Measurement

    @property
    def label(self) -> str:
        """The name with the setting."""
        return f"{self.name}: {self.setting}"


def main(argv: list[str] | None = None) -> None:
    """Print a table for each form of a request, with the best setting of each server."""
    chosen = _parser().parse_args(argv)
    print(machine())
    found: dict[str, list[Result]] = {}
    for form in chosen.forms:
        found[form] = [best(measured) for measured in _measure_form(chosen, form)]
        print(f"\n{table(form, found[form])}", flush=True)
    if chosen.svg:
        charts = [chart for form, results in found.items() for chart in bars(form, results)]
        title = f"SignFlow, {chosen.signers} clients"
        chosen.svg.write_text(render_charts(title, machine(), charts), encoding="utf-8")


def best(results: Iterable[Result]) -> Result:
    """The result with the highest throughput; each is printed to stderr as it comes."""
    found = []
    for result in results:
        print(f"{result.label}: {result.measurement.throughput:.0f}/s", file=sys.stderr, flush=True)
        found.append(result)
    return max(found, key=lambda result: result.measurement.throughput)


def table(form: str, results: Sequence[Result]) -> str:
    """The results in Markdown; the shares are relative to the first. Milliseconds to the tenth."""
    lines = [
        f"| {form} | best setting | answers/s | | p50 ms | p95 ms | p99 ms | CPU ms each | errors |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for result in results:
        measured = result.measurement
        share = measured.throughput / results[0].measurement.throughput
        latencies = " | ".join(f"{measured.percentile(percent):.1f}" for percent in (50, 95, 99))
        lines.append(
            f"| {result.name} | {result.setting} | {measured.throughput:.0f} | {share:.0%} | {latencies}"
            f" | {1000 * measured.cpu:.2f} | {measured.errors} |"
        )
    return "\n".join(lines)


def bars(form: str, results: Iterable[Result]) -> Iterator[tuple[str, list[Row]]]:
    """Charts of throughput and latency."""
    each = [(result.label, result.measurement) for result in results]
    yield (
        f"Answers per second, {form}",
        [(label, measured.throughput, f"{measured.throughput:.0f}") for label, measured in each],
    )
    for percent, name in ((50, "half of the answers"), (95, "95 % of the answers")):
        values = [(label, measured.percentile(percent)) for label, measured in each]
        yield f"Milliseconds, {form}, {name}", [(label, value, f"{value:.1f}") for label, value in values]


def machine() -> str:
    """Processor, cores, system and Python of this machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{_processor()}, {cores} cores; {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    )


def _measure_form(chosen: argparse.Namespace, form: str) -> Iterator[Iterator[Result]]:
    bodies = make_bodies(chosen.signers, form)
    yield _measure_handler(chosen, bodies)
    yield _measure_server(chosen, bodies, "marserve", chosen.marserve)
    if chosen.torchserve:
        yield _measure_server(chosen, bodies, "TorchServe", chosen.torchserve)


def _measure_handler(chosen: argparse.Namespace, bodies: Sequence[Body]) -> Iterator[Result]:
    """The handler in a loop: no server, no other process, no waiting."""
    for batch, threads in itertools.product(chosen.batches, chosen.workers):
        measured = measure_in_process(bodies, batch, threads, chosen.seconds)
        yield Result("no server", f"batch {batch}, {threads} thread{'s' * (threads > 1)}", measured)


def _measure_server(chosen: argparse.Namespace, bodies: Sequence[Body], name: str, command: str) -> Iterator[Result]:
    requests = [make_request("/predictions/sign", *body) for body in bodies]
    with (
        tempfile.TemporaryDirectory() as folder,
        ServerUnderTest(name, command, Path(folder), chosen.store.resolve()) as server,
    ):
        for batch, workers, delay in itertools.product(chosen.batches, chosen.workers, chosen.delays):
            options = ServingOptions(workers, batch, delay)
            server.register(options)
            before = server.cpu_seconds()
            measured = asyncio.run(measure("127.0.0.1", server.port, requests, chosen.seconds, chosen.rate))
            measured.cpu = (server.cpu_seconds() - before) / max(1, measured.answers)
            yield Result(name, str(options), measured)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("store", type=Path, help="the folder with sign.mar")
    parser.add_argument("--signers", type=int, default=64, help="concurrent clients, 64 by default")
    parser.add_argument("--seconds", type=float, default=5, help="for each setting, 5 by default")
    parser.add_argument(
        "--rate", type=float, help="requests per second of all signers; without it, as fast as answered"
    )
    parser.add_argument(
        "--forms", type=lambda text: text.split(","), default=["windows", "landmarks"], metavar="FORM,...",
        help="what is sent: windows (bytes), landmarks (JSON), points (.npy); windows,landmarks by default",
    )  # fmt: skip
    parser.add_argument(
        "--batches", type=_parse_numbers, default=[8, 16, 32], metavar="N,...", help="8,16,32 by default"
    )
    parser.add_argument(
        "--workers", type=_parse_numbers, default=[1, 2], metavar="N,...", help="or threads; 1,2 by default"
    )
    parser.add_argument(
        "--delays", type=_parse_numbers, default=[5], metavar="MS,...", help="for full batches; 5 by default"
    )
    parser.add_argument("--marserve", default=MARSERVE, metavar="COMMAND", help="how marserve is started")
    parser.add_argument("--torchserve", metavar="COMMAND", help=f"'torchserve {FLAGS}', say, of another environment")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="where the charts go")
    return parser


def _parse_numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or "an unnamed processor")
