"""`marserve optimize`: the model of an archive in faster forms, proved to agree, in archives that drop in."""

import argparse
import contextlib
import importlib.util
import io
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.commands.parser import CommandParser
from app.commands.progress import show_progress
from app.commands.tune.command import main as tune
from app.initial_models.servable import check_target
from app.settings.errors import ConfigurationError

if TYPE_CHECKING:
    from app.commands.optimize.session import Plan, Result

EXIT_OK, EXIT_IMPOSSIBLE, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130
_EPILOG = """\
targets:
{targets}

Each target is built in a process of its own, loaded with the archive's handler, and sent the samples, and neighbours
of them: the inputs of their model, changed a little. Outputs, top classes and answers are compared with the original's.
Only what is within the tolerance is measured, in turn with the original, and written as ARCHIVE-TARGET.mar, whose
MAR-INF/optimization.json has the figures. Where a handler cannot use the new form by itself, an adapter stands before
it, and says what it replaces. What is known from an earlier run is not done again.

examples:
  marserve optimize mlp.mar --requests samples/
  marserve optimize sign.mar --requests samples/ --targets onnx,onnx-int8 --out store
  marserve optimize sign.mar --requests samples/ --tune --p95 30

Exit status: 0, 1 if the archive does not load or answer, 2 if the arguments are wrong. Let nothing else run meanwhile.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Optimise as the arguments say; returns the exit status."""
    arguments = make_parser().parse_args(argv)
    missing = [name for name in ("torch", "onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
    if missing:
        return _fail(arguments, f"{', '.join(missing)} is missing: pip install 'marserve[optimize]'", EXIT_USAGE)
    try:
        check_target(arguments.archive, None)
    except ConfigurationError as error:
        return _fail(arguments, str(error), EXIT_USAGE)
    samples = [file for path in arguments.requests for file in _files(path)]
    if not samples:
        places = ", ".join(map(str, arguments.requests))
        return _fail(arguments, f"{places}: there are no files of sample requests", EXIT_USAGE)
    return _optimize(arguments, samples)


def make_parser() -> argparse.ArgumentParser:
    """The options of `marserve optimize`."""
    from app.commands.optimize.targets.registry import TARGETS

    listed = "\n".join(f"  {target.name:<22} {target.title}" for target in TARGETS.values())
    parser = CommandParser(
        prog="marserve optimize",
        description="Brings the model of an archive into faster forms, proves that they compute the same, measures"
        " them, and writes archives that drop in.",
        epilog=_EPILOG.format(targets=listed),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("archive", metavar="ARCHIVE", type=Path, help="the archive")
    add(
        "--requests", metavar="PATH", nargs="+", type=Path, required=True, help="bodies of requests, or folders of them"
    )
    add("--targets", metavar="NAME,...", type=_targets, default=list(TARGETS), help="those below; default: all of them")
    add("--out", metavar="DIR", type=Path, help="folder for the archives; default: that of ARCHIVE")
    add("--top1", metavar="PART", type=_part, default=0.995, help="least top-1 agreement (default: 0.995)")
    add(
        "--tolerance", metavar="X", type=_positive, default=0.02,
        help="greatest mean difference of outputs without classes, in their deviations (default: 0.02)",
    )  # fmt: skip
    add(
        "--answers", metavar="PART", type=_part, default=0.8,
        help="least part of answers that are equal after post-processing (default: 0.8)",
    )  # fmt: skip
    add("--neighbours", metavar="N", type=int, default=400, help="neighbours of the samples to compare (default: 400)")
    add("--batch-sizes", metavar="N,...", type=_sizes, default=(1, 8), help="to measure throughput at (default: 1,8)")
    add("--seconds", metavar="S", type=_positive, default=0.5, help="for each batch size, three times (default: 0.5)")
    add("--minutes", metavar="M", type=_positive, default=15.0, help="for all targets (default: 15)")
    add("--target-minutes", metavar="M", type=_positive, default=3.0, help="for each step of a target (default: 3)")
    add("--fresh", action="store_true", help="forget earlier runs")
    add(
        "--tune", action="store_true", help="then find batch size, workers and threads for the best, as `marserve tune`"
    )
    add("--p95", metavar="MS", type=_positive, help="with --tune: the latency that the best must keep to")
    add("--json", action="store_true", help="for machines: everything as one JSON object")
    return parser


def _optimize(arguments: argparse.Namespace, samples: Sequence[Path]) -> int:
    from app.commands.optimize import report
    from app.commands.optimize.agreement import Limits
    from app.commands.optimize.session import CannotOptimize, OptimizeSession, Plan

    plan = Plan(
        arguments.archive, samples, arguments.targets, arguments.out or arguments.archive.absolute().parent,
        Limits(arguments.top1, arguments.tolerance, arguments.answers), arguments.neighbours, arguments.batch_sizes,
        arguments.seconds, 60 * arguments.minutes, 60 * arguments.target_minutes,
    )  # fmt: skip
    session = OptimizeSession(plan, _show)
    if arguments.fresh:
        shutil.rmtree(session.work, ignore_errors=True)
    status = EXIT_OK
    try:
        session.run()
    except CannotOptimize as error:
        return _fail(arguments, str(error), EXIT_IMPOSSIBLE)
    except KeyboardInterrupt:  # show the results so far
        status = EXIT_INTERRUPTED
    show_progress("")
    if arguments.json:
        tuned = _tuned(arguments, plan, session.results) if arguments.tune and status == EXIT_OK else None
        print(json.dumps({**report.as_json(session.results, plan), "tune": tuned}, indent=2))
        return status
    print("\n".join(report.lines(session.results, plan)), flush=True)
    return tune(_tune_words(arguments, plan, session.results)) if arguments.tune and status == EXIT_OK else status


def _tune_words(arguments: argparse.Namespace, plan: "Plan", results: Sequence["Result"]) -> list[str]:
    """The options of `marserve tune` for the best archive."""
    from app.commands.optimize.session import best

    winner = best(results)
    archive = plan.archive if winner is None else plan.out / winner.archive
    limit = [] if arguments.p95 is None else ["--p95", str(arguments.p95)]
    return [str(archive), *limit, "--request", *map(str, plan.samples)]


def _tuned(arguments: argparse.Namespace, plan: "Plan", results: Sequence["Result"]) -> Any:
    """The report of `marserve tune` as an object."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        tune([*_tune_words(arguments, plan, results), "--json"])
    return json.loads(out.getvalue())


def _show(text: str) -> None:
    """Show a step: replaced by the next one on a terminal, a line elsewhere."""
    if sys.stderr.isatty():
        show_progress(text)
    else:
        print(text, file=sys.stderr, flush=True)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path] if path.is_file() else []
    return sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))


def _fail(arguments: argparse.Namespace, reason: str, status: int) -> int:
    show_progress("")
    if arguments.json:
        print(json.dumps({"ok": False, "error": reason}, indent=2))
    else:
        print(f"marserve optimize: {reason}", file=sys.stderr)
    return status


def _targets(text: str) -> list[str]:
    from app.commands.optimize.targets.registry import TARGETS

    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in TARGETS]
    if unknown or not names:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)} is unknown; known are {', '.join(TARGETS)}")
    return names


def _sizes(text: str) -> tuple[int, ...]:
    sizes = {1, *(int(number) for number in text.split(","))}
    if min(sizes) < 1:
        raise argparse.ArgumentTypeError("a batch has at least one request")
    return tuple(sorted(sizes))


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no number above 0")
    return number


def _part(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no number from 0 to 1")
    return number
