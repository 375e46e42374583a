"""Quantization to 8 bits: within the limits where the model bears it, rejected with the layer where it does not."""

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import torch

from app.commands.optimize.targets.onnx_int8 import build_dynamic, build_static, quantizable_layers
from app.commands.optimize.targets.target import BuildContext, Built, LeftOut
from tests.app.commands.optimize.conftest import FEATURES, ONNX_HANDLER, classifier, onnx_file
from tests.conftest import MakeArchive

MakeContext = Callable[[Path, str], BuildContext]


def operators(file: str) -> set[str]:
    return {node.op_type for node in onnx.load(file).graph.node}


@pytest.mark.parametrize("build", [build_dynamic, build_static])
def test_a_model_that_bears_it(
    build: Callable[[BuildContext], Built], onnx_archive: Path, context: MakeContext
) -> None:
    built = build(context(onnx_archive, "ONNX"))
    assert any("layers are quantized" in note for note in built.notes)
    quantized = ("Integer", "QLinear", "QGemm", "Quantize")
    assert any(word in kind for kind in operators(built.files["model.onnx"]) for word in quantized)
    assert built.config["onnx"]["session"]["graph_optimization_level"] == "ORT_DISABLE_ALL"


def test_a_model_that_cannot_bear_it_is_rejected_with_the_layer(
    archive: MakeArchive, tmp_path: Path, context: MakeContext
) -> None:
    """A feature a thousand times larger than the others takes all steps of 8 bits; the others decide."""
    layer = torch.nn.Linear(FEATURES, 4)
    with torch.no_grad():
        layer.weight[:, 0] = 1.0
    scale = torch.tensor([1e4] + [1.0] * (FEATURES - 1))

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.decide = layer

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return self.decide(rows * scale)

    model = onnx_file(Net().eval(), tmp_path / "net.onnx")
    path = archive("fragile", ONNX_HANDLER, {"net.onnx": model}, serializedFile="net.onnx")
    with pytest.raises(LeftOut, match=r"top-1 agreement of .*, whichever layers are left in float; .*/decide/Gemm"):
        build_static(context(path, "ONNX"))


def test_layers_with_weights(tmp_path: Path) -> None:
    onnx_file(classifier(), tmp_path / "net.onnx")
    assert quantizable_layers(tmp_path / "net.onnx", ("Gemm",)) == ["/0/Gemm", "/2/Gemm"]
