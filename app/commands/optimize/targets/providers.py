"""Targets of other hardware through ONNX Runtime's providers: written, guarded, and not run where they were written."""

import importlib.util

from app.commands.optimize.targets.onnx_float import float_model, stored
from app.commands.optimize.targets.target import BuildContext, Built

UNTRIED = "not run on the machine on which it was written"
TENSORRT_OPTIONS = {
    "trt_engine_cache_enable": True,
    "trt_engine_cache_path": "tensorrt_cache",
    "trt_timing_cache_enable": True,
    "trt_fp16_enable": True,
}
"""Engines are built on the first load and kept beside the model; another GPU builds its own."""


def needs_provider(name: str) -> str:
    """Why a target of that execution provider cannot be."""
    import onnxruntime

    if name in onnxruntime.get_available_providers():
        return ""
    return f"the installed ONNX Runtime has no {name} ({UNTRIED})"


def build_tensorrt(context: BuildContext) -> Built:
    """TensorRT through its provider, with CUDA and the CPU behind it for what it does not know."""
    file, notes = float_model(context)
    providers = [["TensorrtExecutionProvider", TENSORRT_OPTIONS], "CUDAExecutionProvider"]
    return stored(context, file, [*notes, UNTRIED], providers=providers)


def build_coreml(context: BuildContext) -> Built:
    """CoreML through its provider."""
    file, notes = float_model(context)
    return stored(context, file, [*notes, UNTRIED], providers=["CoreMLExecutionProvider"])


def needs_torch_tensorrt(kind: str) -> str:
    """Why torch_tensorrt cannot be."""
    if importlib.util.find_spec("torch_tensorrt") is None:
        return f"torch_tensorrt is not installed ({UNTRIED})"
    return "" if kind == "module" else f"it needs an eager module, and the archive holds {kind}"


def build_torch_tensorrt(context: BuildContext) -> Built:
    """torch.compile by torch_tensorrt's backend, at the start of each worker."""
    return Built("compile", settings={"cache": "none", "options": {"backend": "torch_tensorrt"}}, notes=[UNTRIED])
