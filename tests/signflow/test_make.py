"""SignFlow's Makefile, in a copy of the folder as another project has it."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.signflow_processes import SIGNFLOW

HERE = Path(sys.executable).parent


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The folder under another name, beside nothing."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    return Path(shutil.copytree(SIGNFLOW, tmp_path / "gestures", ignore=shutil.ignore_patterns("*.pyc")))


def make(folder: Path, *words: str) -> str:
    """The output of the command."""
    done = subprocess.run(["make", f"BIN={HERE}/", *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_an_archive_is_made_once(copy: Path) -> None:
    make(copy, "STORE=store", "store/sign.mar")
    with zipfile.ZipFile(copy / "store" / "sign.mar") as archive:
        files = {name for name in archive.namelist() if "/" not in name}
    assert files == {
        "onnx_handler.py", "transformer.onnx", "features.py", "preprocessing.py", "postprocessing.py",
        "index_to_name.json", "model-config.yaml",
    }  # fmt: skip
    assert "up to date" in make(copy, "STORE=store", "store/sign.mar")


def test_every_command_is_one_that_the_copy_has(copy: Path) -> None:
    told = make(copy, "--dry-run", "archives", "serve", "demo", "train", "benchmark", "load", "outages", "rollout")
    modules = {word for line in told.splitlines() for word in line.split() if word.startswith("signflow.")}
    benchmarks = {f"benchmark{name}" for name in ("", ".outages", ".websocket_load")}
    others = {"backend", "rollout", *(f"training.{name}" for name in ("export", "sample_requests", "train"))}
    assert modules == {f"signflow.{name}" for name in others | benchmarks}
    for module in modules:
        asked = [sys.executable, "-m", module, "--help"]
        if module in ("signflow.backend", "signflow.benchmark"):  # the others import torch
            assert "usage" in subprocess.check_output(asked, cwd=copy, text=True)
