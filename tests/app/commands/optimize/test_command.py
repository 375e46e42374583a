"""`marserve optimize` as a user runs it: targets are proved, written, left out, and known again."""

import json
from pathlib import Path

import pytest

from app.commands.optimize.command import main


def test_an_archive_is_optimised_once(
    onnx_archive: Path, sample_files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(onnx_archive), "--requests", str(sample_files[0].parent), "--targets", "onnx,bf16", "--out"]
    options = ["--neighbours", "8", "--seconds", "0.01", "--batch-sizes", "2"]
    assert main([*words, str(tmp_path), *options, "--json"]) == 0
    written, left_out = json.loads(capsys.readouterr().out)["results"]
    assert written["ok"]
    assert (tmp_path / written["archive"]).is_file()
    assert written["agreement"]["top1"] == 1.0
    assert set(written["figures"]["rates"]) == {"1", "2"}
    assert "needs a torch model" in left_out["reason"]
    before = (tmp_path / written["archive"]).stat().st_mtime_ns
    assert main([*words, str(tmp_path), *options]) == 0
    shown = capsys.readouterr().out
    assert "left out     bf16: " in shown
    assert "BEST" in shown
    assert (tmp_path / written["archive"]).stat().st_mtime_ns == before


def test_mistakes_are_named(onnx_archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(onnx_archive), "--requests", "nowhere"]) == 2
    assert main([str(onnx_archive.with_name("none.mar")), "--requests", "."]) == 2
    shown = capsys.readouterr().err
    assert "no files of sample requests" in shown
    assert "none.mar does not exist" in shown


def test_an_unknown_target(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["net.mar", "--requests", ".", "--targets", "quick"])
    assert "quick is unknown; known are onnx, " in capsys.readouterr().err
