"""`marserve compat` shows the results of the conformance suite, and the differences on purpose.

tests/conformance/test_conformance.py tests that a scenario which is claimed to agree does so.
"""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from app.cli import main
from app.commands.compat import command as compat
from tests.conformance.features import FEATURES
from tests.conformance.recording import NAMES
from tests.conformance.report import ROOT, WRITTEN, Outcomes, digest, evidence, project_version, rows

pytest_plugins = ["pytester"]
ANEW = "run `python -m tests.conformance.report`, which writes compatibility.json anew"


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    """The result that is shipped."""
    result: dict[str, Any] = json.loads(WRITTEN.read_text(encoding="utf-8"))
    return result


def test_the_result_is_as_new_as_the_recordings(written: dict[str, Any]) -> None:
    now = {name: digest(name) for name in NAMES}
    assert {name: scenario["digest"] for name, scenario in written["scenarios"].items()} == now, ANEW


def test_no_file_of_tests_is_claimed_that_is_gone(written: dict[str, Any]) -> None:
    assert set(written["tests"]) - set(evidence(FEATURES)) == set(), ANEW


def test_every_claim_follows_from_the_results(written: dict[str, Any]) -> None:
    assert written["features"] == rows(written["scenarios"], written["tests"]), ANEW


def test_the_result_is_of_this_version(written: dict[str, Any]) -> None:
    assert written["marserve"] == project_version(), ANEW


def test_each_scenario_shows_one_feature(written: dict[str, Any]) -> None:
    assert sum(row["steps"] for row in written["features"]) == sum(
        scenario["steps"] for scenario in written["scenarios"].values()
    )


def scenario(*differing: str) -> dict[str, Any]:
    return {"digest": "", "steps": 4, "differing": list(differing)}


def row(feature: str, scenarios: dict[str, Any], tests: dict[str, Any]) -> dict[str, Any]:
    return next(row for row in rows(scenarios, tests) if row["feature"] == feature)


@pytest.mark.parametrize(
    ("scenarios", "tests", "status"),
    [
        ({"snapshots": scenario()}, {}, "recorded"),
        ({"snapshots": scenario("#2 a step")}, {}, "partly"),
        ({}, {"tests/model_registry/test_snapshot.py": {"passed": 3, "failed": []}}, "tested"),
        (
            {"snapshots": scenario()},
            {"tests/model_registry/test_snapshot.py": {"passed": 3, "failed": ["one"]}},
            "partly",
        ),
        ({}, {"tests/model_registry/test_snapshot.py": {"passed": 0, "failed": []}}, "no"),
        ({}, {}, "no"),
    ],
)
def test_a_status_follows_from_the_results(scenarios: Any, tests: Any, status: str) -> None:
    assert row("snapshots", scenarios, tests)["status"] == status


def test_a_scenario_of_no_feature_has_a_row_of_its_own() -> None:
    (only,) = rows({"stream": scenario("#1 a step")}, {}, features=())
    assert only["feature"].startswith("send_intermediate_predict_response")
    assert (only["status"], only["differing"]) == ("partly", ["#1 a step"])


def test_outcomes_are_heard_from_pytest(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_some="import pytest\ndef test_a(): pass\ndef test_b(): assert 0\n"
        "@pytest.fixture\ndef broken(): raise OSError\ndef test_c(broken): pass\ndef test_d(): pytest.skip()\n"
    )
    outcomes = Outcomes()
    pytester.inline_run(plugins=[outcomes])
    assert outcomes.passed == ["test_some.py::test_a"]
    assert set(outcomes.failed) == {"test_some.py::test_b", "test_some.py::test_c"}


def test_the_table_shows_features_statuses_and_remarks(
    written: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compat"]) == 0
    shown = capsys.readouterr().out
    for each in written["features"]:
        assert f"\n{each['feature']} " in shown
        assert compat.STATUS_NAMES[each["status"]] in shown
        assert each["remark"].split(" ")[0] in shown
    assert f"of TorchServe {written['torchserve']}\n" in shown


def test_the_table_shows_every_difference(capsys: pytest.CaptureFixture[str]) -> None:
    main(["compat"])
    shown = " ".join(capsys.readouterr().out.split())
    for difference in compat.read_compatibility()["differences"]:
        assert " ".join(difference["marserve"].replace("`", "").split()) in shown


def test_machines_get_everything(written: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compat", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert {key: shown[key] for key in written} == written
    assert shown["differences"][0]["area"] == "Workers"


def test_the_page_of_the_documentation_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compat", "--markdown"]) == 0
    page = (ROOT / "docs" / "differences.md").read_text(encoding="utf-8")
    assert page == capsys.readouterr().out, "run `marserve compat --markdown > docs/differences.md`"


def test_the_readme_has_the_differences_that_matter_most() -> None:
    marked = [each for each in compat.read_compatibility()["differences"] if each.get("readme")]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(marked) == 10
    assert [each["torchserve"] for each in marked if f"\n{compat.difference_row(each)}\n" not in readme] == []


@pytest.mark.parametrize("difference", compat.read_compatibility()["differences"], ids=lambda each: each["torchserve"])
def test_a_difference_is_complete_and_its_evidence_is_there(difference: dict[str, Any]) -> None:
    assert difference.keys() - {"reason", "shown_by", "readme"} == {"area", "torchserve", "marserve"}
    assert [file for file in difference.get("shown_by", ()) if not (ROOT / "tests" / file).is_file()] == []


def test_a_closed_pipe_ends_the_command_without_a_traceback() -> None:
    read, write = os.pipe()
    os.close(read)
    program = "import sys; from app.cli import main; sys.exit(main(['compat']))"
    done = subprocess.run([sys.executable, "-c", program], stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")
