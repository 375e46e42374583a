"""`marserve compat`: what of TorchServe is here, as the conformance suite has shown it."""

import argparse
import json
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

RESULT = Path(__file__).with_name("compatibility.json")
"""Written by the suite's own run, and checked against it by the tests."""
STATUS = {"recorded": "as recorded", "tested": "tested", "partly": "partly", "no": "not here"}


def main(argv: Sequence[str] | None = None) -> int:
    """Show the result; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="marserve compat",
        description="Shows what of TorchServe is here: each feature, and what has shown it. The answers of a real"
        " TorchServe, recorded, are asked of every version of marserve.",
        epilog="as recorded: every answer is TorchServe's own; tested: marserve's own tests show it; partly: not all of"
        " it is right; not here: nothing shows it.",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for machines: the result as one JSON object")
    form.add_argument("--markdown", action="store_true", help="as a table for a document")
    arguments = parser.parse_args(argv)
    result = json.loads(RESULT.read_text(encoding="utf-8"))
    if arguments.json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
    else:
        print("\n".join(_markdown(result) if arguments.markdown else _table(result)))
    return 0


def _table(result: dict[str, Any]) -> Iterator[str]:
    rows = result["features"]
    width = max(len(row["feature"]) for row in rows)
    columns = max(80, shutil.get_terminal_size().columns)
    steps = sum(scenario["steps"] for scenario in result["scenarios"].values())
    yield f"marserve {result['marserve']}, compared with {steps} recorded steps of {_original(result)}"
    yield ""
    yield f"{'feature':<{width}}  {'status':<11}  shown by"
    for row in rows:
        yield f"{row['feature']:<{width}}  {STATUS[row['status']]:<11}  {_shown_by(row)}".rstrip()
        for text in filter(None, (row["remark"], *row["differing"])):
            yield from textwrap.wrap(text, columns, initial_indent="    ", subsequent_indent="    ")


def _markdown(result: dict[str, Any]) -> Iterator[str]:
    yield f"| feature of {_original(result)} | marserve {result['marserve']} | shown by | remark |"
    yield "|---|---|---|---|"
    for row in result["features"]:
        remark = "; ".join(filter(None, (row["remark"], *row["differing"]))).replace("|", "\\|")
        yield f"| {row['feature']} | {STATUS[row['status']]} | {_shown_by(row)} | {remark} |"


def _original(result: dict[str, Any]) -> str:
    return f"TorchServe {result['torchserve']}"


def _shown_by(row: dict[str, Any]) -> str:
    parts = (f"{row['steps']} recorded steps" if row["steps"] else "", f"{row['tests']} tests" if row["tests"] else "")
    return ", ".join(filter(None, parts))
