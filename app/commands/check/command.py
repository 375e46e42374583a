"""`marserve check`: loads an archive without a server: contents, problems, and the seconds of its answers."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.commands.check.report import format_inspection, format_result
from app.commands.parser import CommandParser
from app.commands.sample_requests import InvalidSample, Sample, add_archive, archive_samples
from app.settings.errors import ConfigurationError

if TYPE_CHECKING:
    from app.commands.check.archive_inspection import ArchiveInspection

_EPILOG = """\
examples:
  marserve check mlp.mar
  marserve check mlp.mar --request input.json cat.jpg       each file is a request's body; its ending tells the type
  marserve check ./mlp                                      a folder with a handler.py
  marserve check net.onnx                                   a bare model

It searches the sources for what threads of one process change, and shows the remedy. The server's configuration counts
as for marserve serve. Exit status: 0, 1 if the model does not load or a request fails, 2 if there is no such file.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Check as the arguments say; returns the exit status."""
    arguments = make_parser().parse_args(argv)
    try:
        return asyncio.run(_check(arguments, archive_samples(arguments)))
    except (InvalidSample, ConfigurationError) as error:
        print(f"marserve check: {error}", file=sys.stderr)
        return 2


def make_parser() -> argparse.ArgumentParser:
    """The options of `marserve check`."""
    parser = CommandParser(
        prog="marserve check",
        description="Loads an archive without a server: what it holds, whether it works here, and how fast.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_archive(parser, request_help="bodies of requests to try")
    add = parser.add_argument
    add("--repeat", metavar="N", type=int, default=10, help="repeat each request N times (default: 10)")
    add("--json", action="store_true", help="for machines: the report as one JSON object")
    return parser


async def _check(arguments: argparse.Namespace, samples: Sequence[Sample]) -> int:
    from app.commands.check.runner import check_archive  # costs more than showing the help may

    lines: list[str] = []

    def show(inspection: "ArchiveInspection") -> None:
        """Show the inspection before the load, which may take long or end the process."""
        if not arguments.json:
            print("\n".join(format_inspection(inspection)), flush=True)

    def write_line(line: str) -> None:
        lines.append(line)
        if not arguments.json:
            print(f"  | {line}", flush=True)

    result = await check_archive(
        arguments.archive, samples, write_line, show,
        repeat=arguments.repeat, handler=arguments.handler, ts_config=arguments.ts_config,
    )  # fmt: skip
    if arguments.json:
        print(json.dumps({**result.as_json(), "output": lines}, indent=2))
    else:
        print("\n".join(format_result(result)))
    return 0 if result.ok else 1
