"""Probes of the inference engines: each computes something tiny on each device, once cold and then warm."""

import base64
import importlib
import importlib.util
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from handler.devices.device import Device

# y[1,2] = MatMul(x[1,4], w), opset 13, IR version 7, with w the 2x2 unit matrix twice, one below the other: made with
# onnx.helper.make_graph, serialised, in base64.
TINY_ONNX = base64.b64decode(
    "CAc6bQoRCgF4CgF3EgF5IgZNYXRNdWwSAWcqKwgECAIQAUIBd0ogAACAPwAAAAAAAAAAAACAPwAAgD8AAAAAAAAAAAAAgD9a"
    "EwoBeBIOCgwIARIICgIIAQoCCARiEwoBeRIOCgwIARIICgIIAQoCCAJCBAoAEA0="
)
_WEIGHTS = [[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0]]
_INPUT = [[1.0, 2.0, 3.0, 4.0]]
_SUM = 10.0
_REPETITIONS = 20

Infer = Callable[[], float]


@dataclass(frozen=True)
class ProbeResult:
    """Milliseconds of the first and of later inferences of an engine on a device, or the reason that it has none."""

    device: str
    cold_ms: float | None = None
    warm_ms: float | None = None
    reason: str = ""
    remedy: str = ""

    @property
    def ok(self) -> bool:
        """Whether it can infer."""
        return not self.reason


@dataclass(frozen=True)
class EngineReport:
    """Version and build of an engine, the seconds of its import (None: it is not installed), a result per device."""

    name: str
    build: str
    import_s: float | None = None
    probes: tuple[ProbeResult, ...] = ()


def probe_torch(devices: Sequence[Device]) -> EngineReport:
    """Probe torch on each of these devices; that it is not installed is no failure."""
    if importlib.util.find_spec("torch") is None:
        return EngineReport("torch", "not installed; PyTorch handlers need it: pip install 'marserve[torch]'")
    return _probe_engine(
        "torch", devices, _torch_build, _torch_inference, "install the torch that is built for this device"
    )


def probe_onnxruntime(devices: Sequence[Device]) -> EngineReport:
    """Probe ONNX Runtime on each of these devices."""
    remedy = "install onnxruntime-gpu, and the CUDA and cuDNN that it asks for"
    return _probe_engine("onnxruntime", devices, _onnx_build, _onnx_inference, remedy)


def _probe_engine(
    name: str,
    devices: Sequence[Device],
    build: Callable[[Any], str],
    prepare: Callable[[Any, Device], Infer],
    remedy: str,
) -> EngineReport:
    began = time.perf_counter()
    try:
        module = importlib.import_module(name)
    except Exception as error:
        result = ProbeResult("any device", reason=_message(error), remedy="reinstall it")
        return EngineReport(name, "does not import", probes=(result,))
    seconds = time.perf_counter() - began
    probes = tuple(_probe(module, device, prepare, remedy) for device in devices)
    return EngineReport(name, build(module), seconds, probes)


def _probe(module: Any, device: Device, prepare: Callable[[Any, Device], Infer], remedy: str) -> ProbeResult:
    try:
        began = time.perf_counter()
        infer = prepare(module, device)
        _time(infer)
        cold = (time.perf_counter() - began) * 1e3
        return ProbeResult(device.torch_name, cold, statistics.median(_time(infer) for _ in range(_REPETITIONS)))
    except Exception as error:
        return ProbeResult(device.torch_name, reason=_message(error), remedy=remedy)


def _time(infer: Infer) -> float:
    """Milliseconds of one inference; ArithmeticError where its result is wrong."""
    began = time.perf_counter()
    result = infer()
    if result != _SUM:
        raise ArithmeticError(f"it computes {result} instead of {_SUM}")
    return (time.perf_counter() - began) * 1e3


def _torch_build(torch: Any) -> str:
    cuda = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
    return f"{torch.__version__}, {cuda}{', with MPS' if torch.backends.mps.is_built() else ''}"


def _torch_inference(torch: Any, device: Device) -> Infer:
    weights = torch.tensor(_WEIGHTS, device=device.torch_name)
    batch = torch.tensor(_INPUT, device=device.torch_name)

    def infer() -> float:
        with torch.inference_mode():
            return float(torch.nn.functional.linear(batch, weights).sum())

    return infer


def _onnx_build(onnxruntime: Any) -> str:
    return f"{onnxruntime.__version__}, {', '.join(onnxruntime.get_available_providers())}"


def _onnx_inference(onnxruntime: Any, device: Device) -> Infer:
    first, *fallback = device.onnx_providers()
    if device.kind != "cpu" and not fallback:
        raise LookupError("this build has no provider for it")
    session = onnxruntime.InferenceSession(TINY_ONNX, providers=[first, *fallback])
    used = session.get_providers()[0]
    if used not in first:
        raise LookupError("its provider does not load")
    batch = numpy.array(_INPUT, numpy.float32)
    return lambda: float(session.run(None, {"x": batch})[0].sum())


def _message(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
