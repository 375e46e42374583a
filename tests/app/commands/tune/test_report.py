"""The report of `marserve tune`, and its progress."""

import io
import json

import pytest

from app.commands.tune.report import Progress, Report
from app.commands.tune.search_space import Measurement, Objective, Setting

GOOD = Measurement(Setting(8, 2, 1, 5), 100.0, 1.0, 2.0, 3.0, 7.5)
SLOW = Measurement(Setting(1, 1, None, 5), 50.0, 10.0, 20.0, 30.0, 1.0, given_up=True)
FAILED = Measurement(Setting(4, 1, None, 5), errors=20, error="it is full")


def report(best: Measurement = GOOD, limit: float | None = None) -> Report:
    return Report("m", "cpu", 8, Objective(limit=limit), [GOOD, SLOW, FAILED], best)


def test_each_setting_has_a_row_and_the_best_an_arrow() -> None:
    lines = list(report().lines())
    assert lines[0] == "m on cpu, 8 clients, without HTTP:"
    assert lines[2].split() == ["->", "8", "2", "1", "5", "100", "1.00", "2.00", "3.00", "7.5"]
    assert lines[3].split()[:4] == ["1", "1", "auto", "5"]
    assert lines[3].endswith("  clearly worse, not measured to the end")
    assert lines[4].endswith("-  20 errors: it is full")


def test_the_lines_for_the_configuration_come_last() -> None:
    lines = list(report().lines())
    assert lines[6] == "Best for the most requests per second, for model-config.yaml:"
    assert lines[8:] == ["minWorkers: 2", "maxWorkers: 2", "batchSize: 8", "maxBatchDelay: 5", "threads: 1"]


def test_a_limit_that_is_not_met_is_reported() -> None:
    lines = list(report(limit=1.5).lines())
    assert lines[2].endswith("  too slow")
    assert lines[6] == "Nothing keeps to a p95 of 1.5 ms; this comes nearest, for model-config.yaml:"


def test_machines_get_everything_as_json() -> None:
    found = json.loads(json.dumps(report().as_json()))
    assert (found["best"]["rate"], found["settings"][2]["p50"], found["fits"]) == (100.0, None, True)


@pytest.mark.parametrize(("found", "result"), [(GOOD, "100/s, p95 2.0 ms"), (FAILED, "it is full")])
def test_without_a_terminal_progress_is_a_line(found: Measurement, result: str) -> None:
    out = io.StringIO()
    progress = Progress(out)
    progress.show(3, 2, found)
    progress.clear()
    assert out.getvalue() == f"3 of about 3: {found.setting}: {result}\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_that_is_removed_again() -> None:
    terminal = Terminal()
    progress = Progress(terminal)
    progress.show(3, 6, GOOD)
    assert "[############............] 3 of about 6: batch size 8, workers 2" in terminal.getvalue()
    progress.clear()
    assert terminal.getvalue().endswith("\r\x1b[K")
