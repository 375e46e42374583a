"""The command torch-workflow-archiver, as scripts use it."""

import json
import zipfile
from pathlib import Path

import pytest

from app.commands.workflow_archive import main

LEAST = ["--workflow-name", "w", "--spec-file", "spec.yaml"]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working folder, with the parts of a workflow."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    (tmp_path / "folder").mkdir()
    for name in ("spec.yaml", "functions.py", "a.txt", "folder/b.txt"):
        (tmp_path / name).write_text(name)


def test_all_parts_lie_in_the_archive() -> None:
    assert main([*LEAST, "--handler", "functions.py", "--extra-files", "a.txt,folder", "--export-path", "folder"]) == 0
    with zipfile.ZipFile("folder/w.war") as archive:
        assert archive.namelist() == ["WAR-INF/MANIFEST.json", "a.txt", "b.txt", "functions.py", "spec.yaml"]
        assert json.loads(archive.read("WAR-INF/MANIFEST.json")) == {
            "createdOn": "01/01/1970 00:00:00",
            "workflow": {"workflowName": "w", "specFile": "spec.yaml", "handler": "functions.py"},
            "archiverVersion": "0.2.15",
        }


def test_a_workflow_of_models_alone_needs_no_handler() -> None:
    assert main(LEAST) == 0
    with zipfile.ZipFile("w.war") as archive:
        assert json.loads(archive.read("WAR-INF/MANIFEST.json"))["workflow"] == {
            "workflowName": "w", "specFile": "spec.yaml",
        }  # fmt: skip


def test_an_older_archive_is_replaced_only_by_force(capsys: pytest.CaptureFixture[str]) -> None:
    assert [main(LEAST), main(LEAST), main([*LEAST, "-f"])] == [0, 1, 0]
    assert "Please specify --force/-f option to overwrite the workflow archive output file." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workflow-name", "a b", "--spec-file", "spec.yaml"], "ERROR - Workflow name contains special characters."),
        ([*LEAST, "--export-path", "nowhere"], "ERROR - Given export-path nowhere is not a directory."),
        ([*LEAST, "--handler", "nothing.py"], "ERROR - File does not exist: nothing.py"),
    ],
)
def test_what_is_wrong_is_told(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 1
    assert message in capsys.readouterr().err
