"""The report of `marserve check` for people."""

from typing import Any

from app.commands.check.archive_inspection import ArchiveInspection, Requirement
from app.commands.check.report import format_inspection, format_result
from app.commands.check.runner import CheckResult
from app.commands.smoke_test import RequestResult, SmokeTestResult
from handler.linting.handler_linter import LintFinding
from handler.linting.lint_rules import INSTALLS, SEED


def inspection(**changes: Any) -> ArchiveInspection:
    return ArchiveInspection(
        **{
            "model": "m", "version": "1.0", "manifest": {"runtime": "python", "model": {"modelName": "m"}},
            "handler": "h.py", "entry_point": "class H", "files": {"h.py": 2048, "w.pt": 10},
            "config": {"batchSize": 4},
            "other_keys": (), "requirements": (), "device": "cpu", "problems": (), "lint_findings": (), **changes,
        }
    )  # fmt: skip


def test_an_inspection_is_a_labelled_line_for_each_thing() -> None:
    assert list(format_inspection(inspection())) == [
        "model        m 1.0",
        "handler      h.py: class H",
        "manifest     runtime python",
        "files        2.0 KiB in all: h.py 2.0 KiB, w.pt 10 B",
        "config       batchSize 4",
        "device       cpu",
    ]


def test_units_requirements_other_keys_and_problems_are_shown() -> None:
    requirements = (Requirement("pytest>=8", "8.3"), Requirement("nothing", ""))
    lines = list(
        format_inspection(
            inspection(
                config={"maxBatchDelay": 5, "responseTimeout": 120}, other_keys=("fan_in",), requirements=requirements,
                problems=("a problem",), handler="", entry_point="none is named",
            )
        )
    )  # fmt: skip
    assert "handler      none is named" in lines
    assert "config       maxBatchDelay 5 ms, responseTimeout 120 s" in lines
    assert "other keys   fan_in (left to the handler)" in lines
    assert "requires     pytest>=8 (installed: 8.3)" in lines
    assert "requires     nothing (not installed)" in lines
    assert lines[-1] == "problem      a problem"


def test_many_files_are_counted() -> None:
    (line,) = (
        each for each in format_inspection(inspection(files={f"{n}.py": 1 for n in range(9)})) if "files" in each
    )
    assert line.endswith("5.py 1 B, and 3 more")


def test_findings_of_one_rule_are_one_warning_with_its_remedy() -> None:
    findings = (*(LintFinding(SEED, "h.py", line) for line in range(7)), LintFinding(INSTALLS, "h.py", 9))
    lines = list(format_inspection(inspection(lint_findings=findings)))
    (seeds,) = (line for line in lines if SEED.title in line)
    assert seeds.startswith("warning      h.py:0, h.py:1, h.py:2, h.py:3, h.py:4 and 2 more ")
    assert f"             Remedy: {SEED.remedy}." in lines
    assert lines[-1].startswith("             In a process of its own (isolation: process")


def test_a_result_shows_each_request_and_the_growth_of_memory() -> None:
    requests = (RequestResult("a.json", 200, 0.25, 0.01, 14, '{\n "a": 1 }'), RequestResult("b", 503, 1.5, error="no"))
    smoke_test = SmokeTestResult("", 2.0, 3 << 20, None, requests)
    assert list(format_result(CheckResult(smoke_test=smoke_test, notes=("a note",)))) == [
        "note         a note",
        "loaded       in 2.00 s, and takes 3.0 MiB of memory",
        'OK           a.json: 200, 14 B, at first 250.00 ms, then 10.00 ms: { "a": 1 }',
        "FAILED       b: 503 no, in 1.50 s",
        "memory       is not known here",
    ]


def test_a_failed_load_comes_with_its_remedy() -> None:
    failed = SmokeTestResult("ImportError: x", 0.1, remedy="install it", traceback=("Traceback", "x"))
    lines = list(format_result(CheckResult(smoke_test=failed)))
    assert lines == [
        "Traceback", "x", "FAILED       it does not load: ImportError: x", "             Remedy: install it.",
    ]  # fmt: skip


def test_an_archive_that_does_not_open_has_failed() -> None:
    assert list(format_result(CheckResult(error="it is none"))) == ["FAILED       it is none"]
