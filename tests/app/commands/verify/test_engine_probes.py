"""The engines that are installed infer on the CPU; an engine that cannot gets a reason and a remedy."""

import sys
from pathlib import Path

import pytest

from app.commands.verify.engine_probes import TINY_ONNX, probe_onnxruntime, probe_torch
from handler.devices.device import CPU, Device

GPU = Device("cuda", 0, "NVIDIA H200", 139 << 30)


def test_onnx_runtime_infers_on_the_cpu() -> None:
    engine = probe_onnxruntime([CPU])
    (probe,) = engine.probes
    assert probe.ok
    assert probe.cold_ms > probe.warm_ms > 0
    assert engine.import_s is not None
    assert "CPUExecutionProvider" in engine.build


def test_a_device_without_a_provider_fails_with_a_remedy() -> None:
    (probe,) = (
        probe_onnxruntime([Device("mps")]).probes if sys.platform != "darwin" else probe_onnxruntime([GPU]).probes
    )
    assert probe.reason == "LookupError: this build has no provider for it"
    assert probe.remedy.startswith("install onnxruntime-gpu")


def test_torch_infers_where_it_is_installed() -> None:
    pytest.importorskip("torch")
    (probe,) = probe_torch([CPU]).probes
    assert probe.ok
    assert probe.cold_ms > 0


def test_an_engine_that_does_not_import_fails_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torch.py").write_text("raise OSError('libcudart.so.12: no such file\\nmore')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    engine = probe_torch([CPU])
    assert (engine.build, engine.import_s) == ("does not import", None)
    assert [probe.reason for probe in engine.probes] == ["OSError: libcudart.so.12: no such file"]


def test_the_tiny_model_is_what_its_comment_says() -> None:
    """Built anew with onnx, it is the same to the last field."""
    onnx = pytest.importorskip("onnx")
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    weights = helper.make_tensor("w", floats, [4, 2], b"".join(map(_little, [1, 0, 0, 1] * 2)), raw=True)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", floats, [1, 4])],
        [helper.make_tensor_value_info("y", floats, [1, 2])],
        [weights],
    )
    built = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    assert onnx.load_from_string(TINY_ONNX) == built


def _little(number: int) -> bytes:
    return b"\0\0\x80\x3f" if number else b"\0\0\0\0"
