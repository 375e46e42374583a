"""Cells to rows: medians over quiet rounds, ratios, a table in Markdown, charts."""

import json
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks import machine, plot

BARE, CONSTANT, THREADED = "bare handler", "constant application", "bare application"
COLUMNS = (
    "clients", "server", "req/s", "spread", "p50 ms", "p99 ms", "errors", "wrong", "CPU s/1000", "PSS MB", "cold s",
    "others", "x bare", "x constant", "x application", "x TorchServe",
)  # fmt: skip
Cell = dict[str, Any]


def rows(cells: Sequence[Cell], noise: float) -> list[Cell]:
    """One row for each job, number of clients and server: medians over the cells that others have not disturbed.

    Where all were disturbed the quietest counts, and `noisy` is set. The ratios are of requests per second; TorchServe
    is its better setting.
    """
    groups: dict[tuple[Any, ...], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell["job"], cell["clients"], cell["server"]), []).append(cell)
    found = [_row(group, noise) for group in groups.values()]
    for row in found:
        rivals = [other for other in found if (other["job"], other["clients"]) == (row["job"], row["clients"])]
        for ratio, name in (
            ("bare", BARE),
            ("constant", CONSTANT),
            ("application", THREADED),
            ("torchserve", "TorchServe"),
        ):
            best = max((other["rate"] for other in rivals if other["server"].startswith(name)), default=0)
            row[f"x_{ratio}"] = row["rate"] / best if best else None
    return found


def _row(group: Sequence[Cell], noise: float) -> Cell:
    quiet = [cell for cell in group if cell["others"] <= noise]
    counted = quiet or [min(group, key=lambda cell: cell["others"])]
    rates = [cell["rate"] for cell in counted]
    row = {key: group[0][key] for key in ("job", "clients", "server")}
    for key in ("rate", "p50", "p99", "cpu", "memory", "cold", "others"):
        values = [cell[key] for cell in counted if cell.get(key) is not None]
        row[key] = statistics.median(values) if values else None
    row["spread"] = (max(rates) - min(rates)) / row["rate"] if row["rate"] else 0.0
    row |= {"errors": sum(cell["errors"] for cell in group), "wrong": sum(cell["wrong"] for cell in group)}
    return row | {"rounds": len(counted), "noisy": not quiet, "way": group[0].get("way", "")}


def markdown(results: dict[str, Any]) -> str:
    """The results as a page: machine and command, then a table for each job."""
    lines = ["# marserve and its limits", "", machine.headline(results["machine"]), "", f"`{results['command']}`", ""]
    lines += [results["notes"], ""]
    for job in dict.fromkeys(row["job"] for row in results["rows"]):
        lines += [f"## {job}", "", "| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
        chosen = [row for row in results["rows"] if row["job"] == job]
        lines += ["| " + " | ".join(_texts(row)) + " |" for row in sorted(chosen, key=lambda row: row["clients"])]
        lines += ["", f"![{job}]({job}.svg)", ""]
    return "\n".join(lines)


def _texts(row: Cell) -> Iterator[str]:
    yield str(row["clients"])
    yield f"{row['server']} ({row['way']})" if row["way"] else row["server"]
    yield f"{row['rate']:.0f}" if row["rate"] >= 100 else f"{row['rate']:.1f}"
    yield f"{row['spread']:.0%} of {row['rounds']}{' noisy' * row['noisy']}"
    yield from (_number(row[key], 2) for key in ("p50", "p99"))
    yield from (str(row[key]) for key in ("errors", "wrong"))
    yield _number(row["cpu"], 3)
    yield _number(row["memory"] and row["memory"] / 1e6, 0)
    yield from (
        _number(row[key], 2) for key in ("cold", "others", "x_bare", "x_constant", "x_application", "x_torchserve")
    )


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def write(results: dict[str, Any], folder: Path) -> None:
    """results.json, results.md and a chart of throughput for each job."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / "results.md").write_text(markdown(results))
    for job in dict.fromkeys(row["job"] for row in results["rows"]):
        groups: dict[str, dict[str, float]] = {}
        for row in results["rows"]:
            if row["job"] == job:
                groups.setdefault(f"{row['clients']} clients", {})[row["server"]] = row["rate"]
        (folder / f"{job}.svg").write_text(plot.bars(job, "requests per second", groups))
