"""`marserve tune`: finds the best settings of a model by measuring, and suggests a model-config.yaml."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import uvloop

from app.commands.parser import CommandParser
from app.commands.sample_requests import InvalidSample, Sample, add_archive, archive_samples
from app.commands.tune.report import Progress, Report
from app.commands.tune.search_space import Axis, Measurement, Objective, Search, Setting
from app.settings.errors import ConfigurationError
from handler.devices.cpu_budget import cpu_budget

if TYPE_CHECKING:
    from app.commands.tune.tuning_session import TuningSession

BATCH_SIZES = (1, 4, 8, 16, 32)
DEFAULT_DELAY_MS = 10
"""maxBatchDelay where the archive has none: an upper bound that is seldom reached."""
MAX_WORKERS = 8
GPU_WORKERS = (1, 2)
_EPILOG = """\
examples:
  marserve tune mlp.mar --request input.json
  marserve tune sign.mar --request window.json --concurrency 16 --p95 30
  marserve tune mlp.mar --objective latency --batch-sizes 1,2,4 --workers 1 --json

It serves the archive in this process without HTTP: the clients get what the batcher and the workers can give, and a
server's own work for each request comes on top. Each setting is loaded anew, warmed up and measured; few combinations
are all measured, of many one thing is changed at a time, and what is clearly worse is not measured to the end. Let
nothing else run on the machine meanwhile.

threads are those that torch uses in each worker; without the key the server shares the cores among the workers, and
finds out by itself whether a thread less serves faster ("auto"). A larger setting has to win by 3 %.

Exit status: 0, 1 if the model does not load or answer, or there is no request, 2 if there is no such file.
"""


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """The values that are tried; None leaves the choice to the machine."""

    batch_sizes: Sequence[int] = BATCH_SIZES
    workers: Sequence[int] | None = None
    threads: Sequence[int] | None = None
    delays: Sequence[int] = (DEFAULT_DELAY_MS,)


def main(argv: Sequence[str] | None = None) -> int:
    """Tune as the arguments say; returns the exit status."""
    arguments = make_parser().parse_args(argv)
    try:
        samples = archive_samples(arguments)
    except (InvalidSample, ConfigurationError) as error:
        print(f"marserve tune: {error}", file=sys.stderr)
        return 2
    if arguments.device:
        os.environ["TORCH_DEVICE"] = arguments.device
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_tune(arguments, samples))
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def make_parser() -> argparse.ArgumentParser:
    """The options of `marserve tune`."""
    parser = CommandParser(
        prog="marserve tune",
        description="Finds batch size, workers and threads for a model by measuring, and suggests a model-config.yaml.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_archive(
        parser,
        request_help="requests to send in turn; default: those under warmup in the archive's model-config.yaml",
    )
    add = parser.add_argument
    add("--concurrency", metavar="N", type=_positive, default=64, help="clients at the same time (default: 64)")
    add("--seconds", metavar="S", type=_seconds, default=1.5, help="for each setting, after a warm-up (default: 1.5)")
    add(
        "--objective", choices=("throughput", "latency"), default="throughput",
        help="the most requests per second, or the least p95 (default: throughput)",
    )  # fmt: skip
    add("--p95", metavar="MS", type=_seconds, help="latency that the best must keep to")
    add("--batch-sizes", metavar="N,...", type=_numbers(1), default=BATCH_SIZES, help="default: 1,4,8,16,32")
    add("--workers", metavar="N,...", type=_numbers(1), help="default: 1, 2, 4, ... up to the cores; 1,2 on a GPU")
    add("--threads", metavar="N,...", type=_numbers(1), help="of torch in each worker; default: auto, and some shares")
    add(
        "--delays",
        metavar="MS,...",
        type=_numbers(0),
        help=f"maxBatchDelay; default: the archive's, or {DEFAULT_DELAY_MS}",
    )
    add("--device", metavar="DEVICE", help="cuda, cuda:1, mps or cpu, instead of the best there is")
    add("--json", action="store_true", help="for machines: everything as one JSON object")
    return parser


def make_axes(space: SearchSpace, cores: int, *, gpu: bool, threads_matter: bool) -> list[Axis]:
    """The axes of the search, each with the simplest first: batch sizes, workers with their threads, delays."""
    workers = space.workers or (GPU_WORKERS if gpu else [count for count in _doubling(cores) if count <= MAX_WORKERS])
    layouts: list[tuple[int, int | None]] = [(count, threads) for count in workers for threads in space.threads or ()]
    if not layouts:
        layouts = [(count, None) for count in workers]
        if threads_matter and not gpu:
            layouts += [(count, threads) for count in workers for threads in _shares(count, cores)]
    return [
        [{"batch_size": size} for size in space.batch_sizes],
        [{"workers": count, "threads": threads} for count, threads in layouts],
        [{"delay": milliseconds} for milliseconds in space.delays],
    ]


def _doubling(limit: int) -> Iterator[int]:
    return (1 << power for power in range(limit.bit_length()))


def _shares(workers: int, cores: int) -> list[int]:
    """Threads of each worker that keep about all cores at work; a share of one core is what "auto" comes to."""
    if workers >= cores:
        return []
    return [threads for threads in _doubling(cores) if cores // 2 <= workers * threads <= cores]


async def _tune(arguments: argparse.Namespace, samples: Sequence[Sample]) -> int:
    from app.commands.tune.tuning_session import CannotTune, open_session  # costs more than showing the help may

    lines: list[str] = []
    options = {"handler": arguments.handler, "ts_config": arguments.ts_config}
    try:
        async with open_session(arguments.archive, lines.append, **options) as session:
            result = await session.prepare(samples)
            if not result.ok:
                reasons = (f"a request failed: {each.error or each.start}" for each in result.requests if not each.ok)
                reason = f"it does not load: {result.error}" if result.error else next(reasons)
                return _fail(arguments, reason, [*lines, *result.traceback])
            return await _search(arguments, session)
    except CannotTune as error:
        return _fail(arguments, str(error), lines)


async def _search(arguments: argparse.Namespace, session: "TuningSession") -> int:
    progress, objective = Progress(), Objective(arguments.objective, arguments.p95)
    delays = arguments.delays or [session.delay(DEFAULT_DELAY_MS)]
    axes = make_axes(
        SearchSpace(arguments.batch_sizes, arguments.workers, arguments.threads, delays),
        max(1, int(cpu_budget())), gpu=session.device.kind != "cpu", threads_matter=session.threads_matter,
    )  # fmt: skip

    async def measure(setting: Setting, best: Measurement | None) -> Measurement:
        gives_up = partial(objective.gives_up, best=best)
        found = await session.measure(setting, arguments.concurrency, arguments.seconds, gives_up)
        progress.show(len(search.found) + 1, search.expected, found)
        return found

    search = Search(axes, objective, measure)
    best = await search.run()
    progress.clear()
    if not best.ok:
        return _fail(arguments, f"no setting works: {best.error}", ())
    report = Report(
        session.name, session.device.torch_name, arguments.concurrency, objective, list(search.found.values()), best
    )
    print(json.dumps(report.as_json(), indent=2) if arguments.json else "\n".join(report.lines()))
    return 0


def _fail(arguments: argparse.Namespace, reason: str, lines: Sequence[str]) -> int:
    """Show the reason that it cannot be tuned, and the lines that its handler has written."""
    if arguments.json:
        print(json.dumps({"ok": False, "error": reason, "output": list(lines)}, indent=2))
    else:
        print("\n".join([*(f"  | {line}" for line in lines), f"FAILED       {reason}"]))
    return 1


def _numbers(least: int) -> Callable[[str], list[int]]:
    def numbers(text: str) -> list[int]:
        found = sorted({int(number) for number in text.split(",")})
        if found[0] < least:
            raise ValueError
        return found

    numbers.__name__ = f"numbers of at least {least} with commas between"
    return numbers


def _positive(text: str) -> int:
    (number,) = _numbers(1)(text)
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError
    return number
