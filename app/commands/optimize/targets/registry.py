"""All targets, in the order in which they are tried."""

from functools import partial

from app.commands.optimize.targets import onnx_float, onnx_int8, providers, torch_modules
from app.commands.optimize.targets.target import Target


def _always(kind: str) -> str:
    return "" if kind != "compiled" else "the archive's model is compiled already"


_TARGETS = (
    Target("onnx", "ONNX Runtime, float32, optimised graph stored", _always, onnx_float.build_onnx),
    Target("onnx-int8-dynamic", "ONNX, 8 bit weights for each channel", _always, onnx_int8.build_dynamic),
    Target("onnx-int8", "ONNX, 8 bits, calibrated on the samples", _always, onnx_int8.build_static),
    Target("onnx-fp16", "ONNX in float16", _always, onnx_float.build_fp16),
    Target("bf16", "torch under autocast to bfloat16", torch_modules.needs_bfloat16, torch_modules.build_autocast),
    Target(
        "channels-last", "torch with channels_last images", torch_modules.needs_torch,
        torch_modules.build_channels_last,
    ),
    Target(
        "torchao-int8", "torch, 8 bit weights and activations by torchao", torch_modules.needs_torchao,
        partial(torch_modules.build_torchao, config="Int8DynamicActivationInt8WeightConfig", options={}),
    ),
    Target(
        "torchao-int8-weights", "torch, 8 bit weights by torchao", torch_modules.needs_torchao,
        partial(torch_modules.build_torchao, config="Int8WeightOnlyConfig", options={}),
    ),
    Target(
        "torchao-int4-weights", "torch, 4 bit weights by torchao", torch_modules.needs_torchao,
        partial(torch_modules.build_torchao, config="Int4WeightOnlyConfig", options={}),
    ),
    Target(
        "compile", "torch.compile, its cache in the archive", torch_modules.needs_compiled_module,
        torch_modules.build_compile,
    ),
    Target("pt2", "AOTInductor's package", torch_modules.needs_compiler, torch_modules.build_pt2),
    Target(
        "tensorrt", "TensorRT by ONNX Runtime", lambda kind: providers.needs_provider("TensorrtExecutionProvider"),
        providers.build_tensorrt,
    ),
    Target(
        "torch-tensorrt", "TensorRT by torch_tensorrt", providers.needs_torch_tensorrt, providers.build_torch_tensorrt
    ),
    Target(
        "coreml", "CoreML by ONNX Runtime", lambda kind: providers.needs_provider("CoreMLExecutionProvider"),
        providers.build_coreml,
    ),
)  # fmt: skip
TARGETS = {target.name: target for target in _TARGETS}
