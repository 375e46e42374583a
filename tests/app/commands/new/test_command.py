"""`marserve new`: the folder that it writes loads, answers its sample request, and passes its own test."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli import main

FILES = {"handler.py", "test_handler.py", "request.json", "model-config.yaml"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A working folder with what `marserve new words` has written."""
    monkeypatch.chdir(tmp_path)
    assert main(["new", "words"]) == 0
    assert "marserve serve --reload words\n" in capsys.readouterr().out
    return tmp_path


def test_a_handler_its_test_and_a_sample_request_are_written(folder: Path) -> None:
    assert {file.name for file in (folder / "words").iterdir()} == FILES


def test_the_written_test_passes(folder: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "words"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_handler_answers_the_sample_request(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["check", "words", "--handler", "handler.py", "--request", "words/request.json", "--json"]
    assert main(arguments) == 0
    (request,) = json.loads(capsys.readouterr().out)["smoke_test"]["requests"]
    assert json.loads(request["start"]) == {"words": 3}


def test_a_folder_that_exists_is_left_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "words" / "handler.py").write_text("mine")
    assert main(["new", "words"]) == 1
    assert "words is there already" in capsys.readouterr().err
    assert (folder / "words" / "handler.py").read_text() == "mine"


def test_a_name_that_no_model_may_have_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["new", str(tmp_path / "my-model")])
    assert "'my-model' cannot be the name of a model" in capsys.readouterr().err
