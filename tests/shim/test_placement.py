"""The device of a worker: ts.torch_handler.placement, and sessions of ONNX Runtime on it."""

import sys
import types

import pytest
import torch
from ts.torch_handler.base_handler import setup_ort_session
from ts.torch_handler.placement import choose_device


@pytest.mark.parametrize(
    ("available", "gpu_id", "device", "place"),
    [
        ((), None, "cpu", "cpu"),
        ((), 0, "cpu", "cpu"),
        (("cuda",), 1, "cuda:1", "cuda"),
        (("cuda",), "0", "cuda:0", "cuda"),
        (("cuda",), None, "cpu", "cpu"),
        (("cuda", "xpu", "mps"), 1, "cuda:1", "cuda"),
        (("xpu", "mps"), 0, "xpu:0", "xpu"),
        (("mps",), 0, "mps", "mps"),
        (("mps",), None, "cpu", "cpu"),
    ],
)
def test_the_device_for_a_worker(monkeypatch, available, gpu_id, device, place):
    monkeypatch.setenv("TS_IPEX_GPU_ENABLE", "true")
    monkeypatch.setattr("torch.cuda.is_available", lambda: "cuda" in available)
    monkeypatch.setattr("torch.xpu.is_available", lambda: "xpu" in available)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: "mps" in available)
    assert choose_device(gpu_id) == (torch.device(device), place)


def test_xpu_needs_its_switch(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.xpu.is_available", lambda: True)
    assert choose_device(0) == (torch.device("cpu"), "cpu")


def test_xla_comes_last(monkeypatch):
    xla = types.ModuleType("torch_xla.core.xla_model")
    xla.xla_device = lambda: "xla:0"
    for name in ("torch_xla", "torch_xla.core"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "torch_xla.core.xla_model", xla)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("ts.torch_handler.placement.XLA_AVAILABLE", True)
    assert choose_device(None) == ("xla:0", None)


@pytest.mark.parametrize(
    ("device", "installed", "providers"),
    [
        ("cuda:1", True, [("CUDAExecutionProvider", {"device_id": 1}), "CPUExecutionProvider"]),
        ("cuda", True, [("CUDAExecutionProvider", {"device_id": 0}), "CPUExecutionProvider"]),
        ("cuda:1", False, ["CPUExecutionProvider"]),
        ("mps", True, ["CPUExecutionProvider"]),
    ],
)
def test_onnx_runtime_follows_the_device_where_it_can(monkeypatch, caplog, device, installed, providers):
    installed_here = ["CUDAExecutionProvider", "CPUExecutionProvider"][0 if installed else 1 :]
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: installed_here)
    monkeypatch.setattr("onnxruntime.InferenceSession", lambda path, providers: providers)
    assert setup_ort_session("double.onnx", device) == providers
    assert (f"ONNX Runtime has no provider for {device}" in caplog.text) is (len(providers) == 1)
