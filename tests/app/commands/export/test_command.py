"""`marserve export` as a user runs it."""

import json
from pathlib import Path

import onnxruntime
import pytest
import torch

from app.commands.export.command import main


@pytest.fixture
def model(tmp_path: Path) -> Path:
    torch.jit.trace(torch.nn.Linear(4, 2), torch.zeros(2, 4)).save(str(tmp_path / "net.pt"))
    return tmp_path / "net.pt"


def test_a_model_is_exported_checked_and_compared(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = model.with_name("net.onnx")
    assert main([str(model), "--input", "1x4 float32", str(out)]) == 0
    assert "OK           ONNX Runtime computes the same" in capsys.readouterr().out
    (value,) = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"]).get_inputs()
    assert (value.name, value.shape) == ("input", ["batch", 4])


def test_a_gap_beyond_the_tolerance_fails(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = model.with_name("net.onnx")
    assert main([str(model), "--input", "1x4", str(out), "--tolerance", "-1", "--json"]) == 1
    assert not json.loads(capsys.readouterr().out)["ok"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--input", "1x5"], "does not take inputs of 2x5"),
        (["--input", "1,5"], "is no input"),
        (["--input", "1x4", "--input", "1x4"], "does not take inputs"),
        (["--input", "a=1x4", "--input", "a=1x4"], "the same name"),
    ],
)
def test_mistakes_are_named(model: Path, options: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(model), *options, str(model.with_name("net.onnx"))]) == 2
    assert reason in capsys.readouterr().err
