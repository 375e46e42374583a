"""The command torch-model-archiver, as scripts use it."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from app.commands.archive import main


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a handler and what it may need."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    for name in ("h.py", "w.pt", "model.py", "a.txt", "b.txt", "requirements.txt", "c.yaml"):
        (tmp_path / name).write_text(name)
    (tmp_path / "out").mkdir()
    return tmp_path


def manifest(file: str = "m.mar") -> dict[str, Any]:
    with zipfile.ZipFile(file) as archive:
        content: dict[str, Any] = json.loads(archive.read("MAR-INF/MANIFEST.json"))
    return content


def test_the_least_arguments_make_an_archive_in_the_working_folder() -> None:
    assert main(["--model-name", "m", "--version", "1.0", "--handler", "h.py"]) == 0
    said = manifest()
    assert said["model"] == {"modelName": "m", "handler": "h.py", "modelVersion": "1.0"}
    assert said["runtime"] == "python"


def test_all_arguments_are_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    status = main(
        ["--model-name", "m", "-v", "2", "--handler", "h", "--serialized-file", "w.pt", "--model-file", "model.py",
         "--extra-files", "a.txt,b.txt", "-r", "requirements.txt", "-c", "c.yaml", "--runtime", "python3",
         "--export-path", "out", "--archive-format", "zip-store", "-f"]
    )  # fmt: skip
    assert status == 0
    said = manifest("out/m.mar")
    assert said["createdOn"] == "01/01/1970 00:00:00"
    assert said["runtime"] == "python3"
    assert said["model"] == {
        "modelName": "m", "serializedFile": "w.pt", "handler": "h", "modelFile": "model.py", "modelVersion": "2",
        "requirementsFile": "requirements.txt", "configFile": "c.yaml",
    }  # fmt: skip
    with zipfile.ZipFile("out/m.mar") as archive:
        assert {"h.py", "w.pt", "model.py", "a.txt", "b.txt", "requirements.txt", "c.yaml"} < set(archive.namelist())


@pytest.mark.parametrize(("form", "made"), [("default", "m.mar"), ("tgz", "m.tar.gz"), ("no-archive", "m")])
def test_the_format_names_the_file(form: str, made: str) -> None:
    assert main(["--model-name", "m", "-v", "1", "--handler", "h.py", "--archive-format", form]) == 0
    assert Path(made).exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--handler", "gone.py"], "File does not exist: gone.py"),
        (["--handler", "h.py", "--extra-files", "gone"], "File does not exist: gone"),
        (["--handler", "h.py", "--export-path", "gone"], "Given export-path gone is not a directory."),
        (["--handler", "h.py", "--model-name", "m/x"], "Model name contains special characters."),
    ],
)
def test_what_cannot_be_packed_is_told_with_status_1(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["--model-name", "m", "--version", "1.0", *arguments]) == 1
    assert capsys.readouterr().err.startswith(f"ERROR - {message}")
    assert not Path("m.mar").exists()


def test_an_older_archive_needs_force(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--model-name", "m", "--version", "1.0", "--handler", "h.py", "--export-path", "out"]
    assert main(arguments) == 0
    assert main(arguments) == 1
    assert capsys.readouterr().err.startswith("ERROR - out/m.mar already exists.\nPlease specify --force/-f option")
    assert main([*arguments, "--force"]) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--model-name", "m", "--handler", "h.py"],
        ["--version", "1.0", "--handler", "h.py"],
        ["--model-name", "m", "--version", "1.0"],
        ["--model-name", "m", "--version", "1.0", "--handler", "h.py", "--runtime", "cobol"],
        ["--model-name", "m", "--version", "1.0", "--handler", "h.py", "--archive-format", "zip"],
        ["--unknown"],
    ],
)
def test_wrong_arguments_exit_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert "torch-model-archiver: error:" in capsys.readouterr().err


def test_help_names_every_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    for flag in (
        "--model-name", "--serialized-file", "--model-file", "--handler", "--extra-files", "--runtime", "--export-path",
        "--archive-format", "--force", "--version", "--requirements-file", "--config-file",
    ):  # fmt: skip
        assert flag in text
