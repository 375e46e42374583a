"""Modules are exported by the exporter that can."""

from pathlib import Path

import onnx
import pytest
import torch

from app.commands.export.onnx_exporter import ExportFailed, Signature, export_onnx, short_reason

SIGNATURE = Signature(["rows"], ["logits"], {"rows": {0: "batch"}, "logits": {0: "batch"}})


def sizes(file: Path) -> list[object]:
    (value,) = onnx.load(file).graph.input
    return [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]


def test_torchscript_goes_to_its_own_exporter(tmp_path: Path) -> None:
    module = torch.jit.trace(torch.nn.Linear(4, 2), torch.zeros(2, 4))
    exported = export_onnx(module, [torch.zeros(2, 4)], SIGNATURE, tmp_path / "net.onnx")
    assert exported.exporter == "TorchScript"
    assert sizes(tmp_path / "net.onnx") == ["batch", 4]


@pytest.mark.slow
def test_a_module_goes_to_the_dynamo_exporter(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="torch's dynamo exporter needs it")
    exported = export_onnx(torch.nn.Linear(4, 2).eval(), [torch.zeros(2, 4)], SIGNATURE, tmp_path / "net.onnx")
    assert exported.exporter == "dynamo"
    assert sizes(tmp_path / "net.onnx") == ["batch", 4]


def test_a_model_that_no_exporter_can_write(tmp_path: Path) -> None:
    module = torch.jit.trace(torch.nn.Linear(4, 2), torch.zeros(2, 4))
    with pytest.raises(ExportFailed, match=r"dynamo: .*; TorchScript: "):
        export_onnx(module, [torch.zeros(2, 5)], SIGNATURE, tmp_path / "net.onnx")


def test_the_reason_within_a_traceback_of_torchscript() -> None:
    error = RuntimeError("The following operation failed.\nTraceback:\nRuntimeError: sizes differ\n")
    assert short_reason(error) == "RuntimeError: sizes differ"
