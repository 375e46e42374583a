"""`marserve check`: loads an archive without a server, tells what is in it, and whether and how fast it answers."""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.commands.check.report import after_loading, before_loading
from app.commands.sample_requests import BadSample, Sample, file_sample
from app.settings.errors import ConfigurationError

if TYPE_CHECKING:
    from app.commands.check.archive_inspection import Findings

_EPILOG = """\
examples:
  marserve check mlp.mar
  marserve check mlp.mar --request input.json cat.jpg       each file is a request's body; its ending tells the type
  marserve check model_store/mlp --handler handler.py       a folder, also one without MAR-INF/MANIFEST.json

It looks at the sources for what threads of one process change, and tells the remedy. The server's configuration counts
as for marserve serve. Exit status: 0, 1 if the model does not load or a request fails, 2 if there is no such file.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Check as the arguments say; returns the exit status."""
    arguments = make_parser().parse_args(argv)
    try:
        samples = [file_sample(file) for file in arguments.request]
        if not arguments.archive.exists():
            raise BadSample(f"{arguments.archive}: No such file or directory")
        if arguments.archive.suffix == ".py":
            folder, name = arguments.archive.parent, arguments.archive.name
            raise BadSample(
                f"{name} is no archive; to try it as it lies there: marserve check {folder} --handler {name}"
            )
    except BadSample as error:
        print(f"marserve check: {error}", file=sys.stderr)
        return 2
    try:
        return asyncio.run(_check(arguments, samples))
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2


def make_parser() -> argparse.ArgumentParser:
    """The options of `marserve check`."""
    parser = argparse.ArgumentParser(
        prog="marserve check",
        description="Loads an archive without a server: what it holds, whether it works here, and how fast.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("archive", metavar="ARCHIVE", type=Path, help="a .mar, a .tar.gz, or a folder with what they hold")
    add("--request", metavar="FILE", nargs="+", type=Path, default=[], help="bodies of requests to try")
    add("--repeat", metavar="N", type=int, default=10, help="ask so often after the first time (default: 10)")
    add("--handler", metavar="NAME", help="handler, if not the manifest's")
    add("--ts-config", metavar="FILE", help="the server's configuration; config.properties here by default")
    add("--json", action="store_true", help="for machines: the report as one JSON object")
    return parser


async def _check(arguments: argparse.Namespace, samples: Sequence[Sample]) -> int:
    from app.commands.check.runner import check_up  # costs more than showing the help may

    said: list[str] = []
    say: Callable[[str], None] = said.append if arguments.json else lambda line: print(f"  | {line}", flush=True)
    checkup = await check_up(
        arguments.archive, samples, say, _silent if arguments.json else _show,
        repeat=arguments.repeat, handler=arguments.handler, ts_config=arguments.ts_config,
    )  # fmt: skip
    if arguments.json:
        print(json.dumps({**checkup.as_json(), "said": said}, indent=2))
    else:
        print("\n".join(after_loading(checkup)))
    return 0 if checkup.ok else 1


def _silent(findings: "Findings") -> None:
    """Show nothing: the report at the end has it."""


def _show(findings: "Findings") -> None:
    """Before the load, which may take long or take all down."""
    print("\n".join(before_loading(findings)), flush=True)
