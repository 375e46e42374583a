"""The harness of `tests/benchmarks`, in a short run against a real server, and what it makes of its figures."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.benchmarks import generator, plot, report
from tests.benchmarks.__main__ import Plan, contestants, measure
from tests.benchmarks.jobs import JOBS, Serving, same


def test_a_short_run_measures_the_server_and_its_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handler.examples.signflow.load.WARM_UP", 0)
    lines: list[str] = []
    plan = Plan([JOBS["echo"]], [4], list(contestants([1], None)), 0.2, 0, 1, 100, 0, 0, Serving())
    told = measure(plan, tmp_path, generator.by_itself, lines.append)
    rows = {row["server"]: row for row in told["rows"]}
    assert set(rows) == {report.BARE, report.CONSTANT, "marserve, 1 worker"}
    assert len(lines) == 3
    assert all(row["rate"] > 0 and row["errors"] == row["wrong"] == 0 for row in rows.values())
    ours = rows["marserve, 1 worker"]
    assert ours["x_bare"] == ours["rate"] / rows[report.BARE]["rate"]
    assert ours["memory"] > 1e7
    assert ours["cold"] > 0
    assert json.loads((tmp_path / "results.json").read_text())["rows"] == told["rows"]
    assert "| 4 | marserve, 1 worker |" in (tmp_path / "results.md").read_text()
    assert len(list(ET.parse(tmp_path / "echo.svg").getroot().iter("{http://www.w3.org/2000/svg}rect"))) == 7


def cell(rate: float, others: float, server: str = "marserve") -> report.Cell:
    return {
        "job": "echo", "clients": 1, "server": server, "rate": rate, "p50": 1.0, "p99": 2.0, "cpu": 0.1, "memory": 1,
        "cold": 1.0, "others": others, "errors": 1, "wrong": 2,
    }  # fmt: skip


def test_a_row_is_the_median_of_its_quiet_cells_and_counts_every_error() -> None:
    (row,) = report.rows([cell(100, 0), cell(300, 0.1), cell(200, 0.05), cell(5, 1)], 0.15)
    assert (row["rate"], row["spread"], row["rounds"], row["noisy"]) == (200, 1.0, 3, False)
    assert (row["errors"], row["wrong"]) == (4, 8)


def test_without_a_quiet_cell_the_quietest_counts_and_is_marked() -> None:
    (row,) = report.rows([cell(100, 0.5), cell(300, 0.9)], 0.15)
    assert (row["rate"], row["noisy"]) == (100, True)


def test_ratios_are_to_the_better_setting_of_torchserve() -> None:
    cells = [cell(100, 0), cell(50, 0, "TorchServe, 1 worker"), cell(80, 0, "TorchServe, 2 workers")]
    row = report.rows(cells, 0.15)[0]
    assert (row["x_torchserve"], row["x_bare"]) == (1.25, None)


def test_lines_are_a_picture_with_a_key() -> None:
    drawn = ET.fromstring(plot.lines("<t>", "rate", "ms", {"a & b": [(10, 1.5), (1000, 20)], "c": [(10, 0)]}))
    texts = [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"<t>", "a & b", "10", "1000"} <= set(texts)
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}circle"))) == 2


@pytest.mark.parametrize(
    ("found", "wanted", "equal"),
    [
        ({"a": [1.0001]}, {"a": [1.0]}, True),
        ({"a": [1.1]}, {"a": [1.0]}, False),
        ({"a": 1, "b": 2}, {"a": 1}, False),
        ([1], [1, 2], False),
        ("x", "x", True),
    ],
)
def test_answers_may_differ_only_by_what_floating_point_does(found: object, wanted: object, equal: bool) -> None:
    assert same(found, wanted) is equal
