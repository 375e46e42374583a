"""Results of one program: a table in Markdown, the figures as JSON, charts beside them."""

import argparse
import json
import math
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks import machine

WATCH = machine.Watch()
"""Since the program began."""
RESULTS = Path(__file__).parent / "results"


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows with the same keys; numbers are shortened."""
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|---" * len(names) + "|"]
    lines += ["| " + " | ".join(_text(row[name]) for name in names) + " |" for row in rows]
    return "\n".join(lines)


def _text(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    if math.isnan(value):
        return ""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.2f}"


def _without_nan(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in row.items()}


def parser(name: str, explanation: str | None) -> argparse.ArgumentParser:
    """Options of the program of that name; all have --out."""
    made = argparse.ArgumentParser(prog=f"python -m tests.benchmarks.{name}", description=explanation)
    made.add_argument("--out", type=Path, default=RESULTS, help="where results go")
    return made


def publish(
    name: str, out: Path, rows: Sequence[Mapping[str, Any]], notes: str, charts: Mapping[str, str] | None = None
) -> None:
    """Write NAME.json, NAME.md and the charts, and print the page."""
    found, others = machine.describe(), WATCH.others()
    command = shlex.join(["python", "-m", f"tests.benchmarks.{name}", *sys.argv[1:]])
    notes += f" Other processes used {others:.2f} cores meanwhile."
    page = "\n\n".join([f"# {name}", machine.headline(found), f"`{command}`", notes, table(rows)])
    page += "".join(f"\n\n![{chart}]({chart}.svg)" for chart in charts or ())
    out.mkdir(parents=True, exist_ok=True)
    results = {
        "machine": found,
        "others": others,
        "command": command,
        "notes": notes,
        "rows": [_without_nan(row) for row in rows],
    }
    (out / f"{name}.json").write_text(json.dumps(results, indent=1) + "\n")
    (out / f"{name}.md").write_text(page + "\n")
    for chart, drawn in (charts or {}).items():
        (out / f"{chart}.svg").write_text(drawn)
    print(page)
