"""ONNX in float: taken from the archive or exported, stored with its graph optimised."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.commands.optimize.targets.onnx_float import build_fp16, build_onnx, onnx_file
from app.commands.optimize.targets.target import BuildContext, LeftOut

MakeContext = Callable[[Path, str], BuildContext]


def test_the_model_of_an_onnx_archive(onnx_archive: Path, context: MakeContext) -> None:
    made = context(onnx_archive, "ONNX")
    assert build_onnx(made).notes == ["from net.onnx of the archive"]
    assert Path(build_fp16(made).files["model.onnx"]).is_file()


@pytest.mark.slow
def test_a_torchscript_archive_is_exported(classifier_archive: Path, context: MakeContext) -> None:
    built = build_onnx(context(classifier_archive, "TorchScript"))
    assert built.notes[0].startswith("exported by the ")
    assert built.settings["inputs"] == ["input"]


def test_which_file_is_the_model(tmp_path: Path) -> None:
    with pytest.raises(LeftOut, match="not clear"):
        onnx_file(tmp_path, None)
    (tmp_path / "a.onnx").touch()
    assert onnx_file(tmp_path, None) == tmp_path / "a.onnx"
