"""Trials: each inference engine computes something tiny on each device, once cold and then warm."""

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
class Trial:
    """How an engine fared on a device: milliseconds of the first and of later inferences, or why there are none."""

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
class Engine:
    """One engine: version and build, seconds that its import took (None: it is not there), and its trials."""

    name: str
    build: str
    import_s: float | None = None
    trials: tuple[Trial, ...] = ()


def try_torch(devices: Sequence[Device]) -> Engine:
    """torch on each of these devices; that it is not installed is no failure."""
    if importlib.util.find_spec("torch") is None:
        return Engine("torch", "not installed; PyTorch handlers need it: pip install 'marserve[torch]'")
    return _examine("torch", devices, _torch_build, _torch_inference, "install the torch that is built for this device")


def try_onnxruntime(devices: Sequence[Device]) -> Engine:
    """ONNX Runtime on each of these devices."""
    remedy = "install onnxruntime-gpu, and the CUDA and cuDNN that it asks for"
    return _examine("onnxruntime", devices, _onnx_build, _onnx_inference, remedy)


def _examine(
    name: str,
    devices: Sequence[Device],
    build: Callable[[Any], str],
    prepare: Callable[[Any, Device], Infer],
    remedy: str,
) -> Engine:
    began = time.perf_counter()
    try:
        module = importlib.import_module(name)
    except Exception as error:
        return Engine(
            name, "does not import", trials=(Trial("any device", reason=_words(error), remedy="reinstall it"),)
        )
    seconds = time.perf_counter() - began
    return Engine(name, build(module), seconds, tuple(_try(module, device, prepare, remedy) for device in devices))


def _try(module: Any, device: Device, prepare: Callable[[Any, Device], Infer], remedy: str) -> Trial:
    try:
        began = time.perf_counter()
        infer = prepare(module, device)
        _time(infer)
        cold = (time.perf_counter() - began) * 1e3
        return Trial(device.torch_name, cold, statistics.median(_time(infer) for _ in range(_REPETITIONS)))
    except Exception as error:
        return Trial(device.torch_name, reason=_words(error), remedy=remedy)


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


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
