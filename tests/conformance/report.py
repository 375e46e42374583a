"""Runs the evidence of the compatibility for `marserve compat`: `python -m tests.conformance.report`."""

import hashlib
import json
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.features import FEATURES, Feature
from tests.conformance.recording import NAMES, RECORDED, load

ROOT = Path(__file__).parents[2]
WRITTEN = ROOT / "app" / "commands" / "compat" / "compatibility.json"
TORCHSERVE = "0.12.0"
SUITE = "tests/conformance/test_conformance.py"

Results = dict[str, dict[str, Any]]
"""By scenario: digest, steps, and the titles of steps that differ. By file of tests: passed, and the failed ones."""


class Outcomes:
    """A plugin of pytest that records the outcome of each test."""

    def __init__(self) -> None:
        self.failed: dict[str, str] = {}
        """The message of each failed test, by its id."""
        self.passed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record one outcome; a skipped test has none."""
        if report.failed:
            self.failed[report.nodeid] = report.longreprtext
        elif report.passed and report.when == "call":
            self.passed.append(report.nodeid)


def main() -> int:
    """Run all and write the file; returns 1 if anything failed.

    Nothing is written where the tests could not all be run.
    """
    files = evidence(FEATURES)
    outcomes = Outcomes()
    arguments = ["-q", "-p", "no:cacheprovider", *(str(ROOT / file) for file in (SUITE, *files))]
    status = pytest.main(arguments, plugins=[outcomes])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        return int(status)
    scenarios = {name: _scenario(name, outcomes) for name in NAMES}
    tests = {file: _file(file, outcomes) for file in files}
    written = {
        "marserve": project_version(),
        "torchserve": TORCHSERVE,
        "features": rows(scenarios, tests),
        "scenarios": scenarios,
        "tests": tests,
    }
    WRITTEN.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n")
    print(f"{WRITTEN.relative_to(ROOT)} is written.")
    return 1 if outcomes.failed else 0


def evidence(features: Iterable[Feature]) -> list[str]:
    """The files of tests that features name, as they are there now."""
    patterns = [pattern for feature in features for pattern in feature.shown_by.split() if pattern.endswith(".py")]
    files = (path for pattern in patterns for path in (ROOT / "tests").glob(pattern))
    return sorted({path.relative_to(ROOT).as_posix() for path in files})


def rows(scenarios: Results, tests: Results, features: Sequence[Feature] = FEATURES) -> list[dict[str, Any]]:
    """The row of each feature, from the results alone; a scenario of no feature has a row of its own."""
    known = {name for feature in features for name in _matching(feature, scenarios)}
    others = [Feature(load(name).about, name) for name in scenarios if name not in known]
    return [_row(feature, scenarios, tests) for feature in (*features, *others)]


def digest(name: str) -> str:
    """The digest of a recording."""
    return hashlib.sha256((RECORDED / f"{name}.json").read_bytes()).hexdigest()[:16]


def project_version() -> str:
    """The version that is about to be released."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])


def _row(feature: Feature, scenarios: Results, tests: Results) -> dict[str, Any]:
    played = [scenarios[name] for name in _matching(feature, scenarios)]
    files = [tests[file] for file in _matching_files(feature, tests)]
    steps = [step for each in played for step in each["differing"]]
    return {
        "feature": feature.name,
        "status": _status(played, files),
        "remark": feature.remark,
        "steps": sum(each["steps"] for each in played),
        "tests": sum(each["passed"] for each in files),
        "differing": steps + [test for each in files for test in each["failed"]],
    }


def _status(played: list[dict[str, Any]], files: list[dict[str, Any]]) -> str:
    if any(each["differing"] for each in played) or any(each["failed"] for each in files):
        return "partly"
    if played:
        return "recorded"
    return "tested" if any(each["passed"] for each in files) else "no"


def _matching(feature: Feature, scenarios: Iterable[str]) -> list[str]:
    return [name for name in scenarios if _is_named(feature, name)]


def _matching_files(feature: Feature, files: Iterable[str]) -> list[str]:
    return [file for file in files if _is_named(feature, file.removeprefix("tests/"))]


def _is_named(feature: Feature, name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in feature.shown_by.split())


def _scenario(name: str, outcomes: Outcomes) -> dict[str, Any]:
    message = _failure(f"[{name}]", outcomes.failed)
    steps = load(name).steps
    shown = any(test.endswith(f"[{name}]") and test.startswith(SUITE) for test in outcomes.passed)
    differing = [line for line in message.splitlines() if line.startswith("#")] or (
        [] if shown else ["it was not played"]
    )
    return {"digest": digest(name), "steps": len(steps), "differing": differing}


def _failure(end: str, failed: Mapping[str, str]) -> str:
    return next((message for test, message in failed.items() if test.startswith(SUITE) and test.endswith(end)), "")


def _file(file: str, outcomes: Outcomes) -> dict[str, Any]:
    failed = sorted(test for test in outcomes.failed if test.startswith(f"{file}::"))
    return {"passed": sum(test.startswith(f"{file}::") for test in outcomes.passed), "failed": failed}


if __name__ == "__main__":
    sys.exit(main())
