"""`marserve compat`: the features of TorchServe that are here, with their evidence, and the differences on purpose."""

import json
import shutil
import textwrap
import tomllib
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from app.commands.parser import CommandParser

COMPATIBILITY_FILE = Path(__file__).with_name("compatibility.json")
"""Written by `python -m tests.conformance.report`, and checked against the recordings by the tests."""
DIFFERENCES_FILE = Path(__file__).with_name("differences.toml")
STATUS_NAMES = {"recorded": "as recorded", "tested": "tested", "partly": "partly", "no": "not here"}
_PAGE = """\
<!-- Generated: `marserve compat --markdown > docs/differences.md`. -->

# Compatibility with TorchServe

marserve {marserve} beside TorchServe {torchserve}: every version of marserve has to give the recorded answers of a real
TorchServe, {steps} steps.

"""


def main(argv: Sequence[str] | None = None) -> int:
    """Show the compatibility; returns the exit status."""
    parser = CommandParser(
        prog="marserve compat",
        description="Shows which features of TorchServe are here, with their evidence, and what differs on purpose. The"
        " answers of a real TorchServe, recorded, are asked of every version of marserve.",
        epilog="as recorded: every answer is TorchServe's own; tested: marserve's own tests show it; partly: not all of"
        " it is right; not here: nothing shows it.",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for machines: one JSON object")
    form.add_argument("--markdown", action="store_true", help="as a page of documentation")
    arguments = parser.parse_args(argv)
    result = read_compatibility()
    if arguments.json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
    else:
        print("\n".join(_page(result) if arguments.markdown else _lines(result)))
    return 0


def read_compatibility() -> dict[str, Any]:
    """The content of both files: features, scenarios and tests, and under "differences" those on purpose."""
    differences = tomllib.loads(DIFFERENCES_FILE.read_text(encoding="utf-8"))["difference"]
    return {**json.loads(COMPATIBILITY_FILE.read_text(encoding="utf-8")), "differences": differences}


def difference_row(difference: dict[str, Any]) -> str:
    """A row of a table in Markdown."""
    return f"| {difference['torchserve']} | {difference['marserve']} | {difference.get('reason', '')} |"


def _lines(result: dict[str, Any]) -> Iterator[str]:
    rows = result["features"]
    width = max(len(row["feature"]) for row in rows)
    columns = max(80, shutil.get_terminal_size().columns)
    original = f"{_steps(result)} recorded steps of TorchServe {result['torchserve']}"
    yield f"marserve {result['marserve']}, compared with {original}"
    yield ""
    yield f"{'feature':<{width}}  {'status':<11}  shown by"
    for row in rows:
        yield f"{row['feature']:<{width}}  {STATUS_NAMES[row['status']]:<11}  {_evidence(row)}".rstrip()
        for text in filter(None, (row["remark"], *row["differing"])):
            yield from textwrap.wrap(text, columns, initial_indent="    ", subsequent_indent="    ")
    yield ""
    yield "Different on purpose:"
    for area, differences in groupby(result["differences"], lambda difference: difference["area"]):
        yield from ("", area)
        for difference in differences:
            yield from _paragraph("  TorchServe  ", difference["torchserve"], columns)
            reason = f" ({difference['reason']})" if "reason" in difference else ""
            yield from _paragraph("  marserve    ", difference["marserve"] + reason, columns)


def _paragraph(label: str, text: str, columns: int) -> list[str]:
    return textwrap.wrap(text.replace("`", ""), columns, initial_indent=label, subsequent_indent=" " * len(label))


def _page(result: dict[str, Any]) -> Iterator[str]:
    yield _PAGE.format(**result, steps=_steps(result)) + "## Different on purpose"
    for area, differences in groupby(result["differences"], lambda difference: difference["area"]):
        yield from ("", f"### {area}", "", "| TorchServe | marserve | why |", "|---|---|---|")
        yield from map(difference_row, differences)
    yield from ("", "## Feature by feature", "", "| feature | status | shown by | remark |", "|---|---|---|---|")
    for row in result["features"]:
        remark = "; ".join(filter(None, (row["remark"], *row["differing"]))).replace("|", "\\|")
        yield f"| {row['feature']} | {STATUS_NAMES[row['status']]} | {_evidence(row)} | {remark} |"


def _steps(result: dict[str, Any]) -> int:
    return sum(scenario["steps"] for scenario in result["scenarios"].values())


def _evidence(row: dict[str, Any]) -> str:
    parts = (f"{row['steps']} recorded steps" if row["steps"] else "", f"{row['tests']} tests" if row["tests"] else "")
    return ", ".join(filter(None, parts))
