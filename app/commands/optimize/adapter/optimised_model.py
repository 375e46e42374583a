"""Models in the forms that `marserve optimize` writes, called like the torch module that they replace.

This file is copied into archives: it needs torch, and onnxruntime for ONNX models, and runs on TorchServe, too.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

SETTINGS: dict[str, Any] = json.loads(Path(__file__).with_name("optimised_model.json").read_text())


class Outputs(dict):  # type: ignore[type-arg]
    """Named outputs, as items, attributes, and by their places."""

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        raise AttributeError(name)

    def __getitem__(self, key: Any) -> Any:
        return list(self.values())[key] if isinstance(key, int | slice) else super().__getitem__(key)


class OnnxModel(torch.nn.Module):
    """An ONNX Runtime session with the call of a torch module."""

    def __init__(self, session: Any) -> None:
        super().__init__()
        self.session = session
        self._names = [each.name for each in session.get_inputs()]
        self._device = torch.device("cpu")

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Tensors in, tensors out, on the device of the first input."""
        named = dict(zip(SETTINGS["inputs"], args, strict=False)) | kwargs
        device = next((each.device for each in named.values() if hasattr(each, "device")), self._device)
        feed = {name: value.detach().cpu().numpy() for name, value in named.items() if name in self._names}
        arrays = self.session.run(None, feed)
        return restore([torch.from_numpy(array).to(device) for array in arrays], SETTINGS["structure"])


class AutocastModel(torch.nn.Module):
    """A module under autocast to bfloat16, whose outputs are float32 again."""

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.module = module

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the module."""
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return _as_float(self.module(*args, **kwargs))


class ChannelsLastModel(torch.nn.Module):
    """A module whose images lie in memory channel by channel of each pixel."""

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.module = module.to(memory_format=torch.channels_last)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the module."""
        images = [
            each.contiguous(memory_format=torch.channels_last) if getattr(each, "ndim", 0) == 4 else each
            for each in args
        ]
        return self.module(*images, **kwargs)


def optimised(model: Any, folder: str) -> Any:
    """The model in its optimised form: the one that the handler has loaded, transformed, or another in its place."""
    kind = SETTINGS["kind"]
    if kind == "onnx":
        return OnnxModel(model if hasattr(model, "get_providers") else open_session(folder))
    if kind == "autocast":
        return AutocastModel(model)
    if kind == "channels_last":
        return ChannelsLastModel(model)
    if kind == "torchao":
        return _with_quantized_weights(model)
    if kind == "compile":
        return _compiled(model, folder)
    if kind == "pt2":
        return torch._inductor.aoti_load_package(os.path.join(folder, SETTINGS["file"]))
    raise ValueError(f"an optimised model of the kind {kind} is unknown")


def open_session(folder: str) -> Any:
    """A session of the archive's ONNX file, with the options of optimised_model.json."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(
        onnxruntime.GraphOptimizationLevel, SETTINGS.get("graph_optimization_level", "ORT_ENABLE_ALL")
    )
    options.enable_mem_pattern = False
    available = onnxruntime.get_available_providers()
    providers = [each for each in SETTINGS.get("providers", []) if each in available]
    return onnxruntime.InferenceSession(
        os.path.join(folder, SETTINGS["file"]), options, providers=[*providers, "CPUExecutionProvider"]
    )


def replace_model(owner: Any, folder: str) -> bool:
    """Put the optimised model where the handler holds its own; false while there is none."""
    *path, name = SETTINGS["path"]
    for step in path:
        owner = getattr(owner, step, None)
    model = getattr(owner, name, None)
    if model is None:
        return False
    setattr(owner, name, optimised(model, folder))
    return True


def restore(tensors: list[Any], structure: str) -> Any:
    """The tensors in the structure in which the original returns them."""
    kind, _, detail = structure.partition(":")
    if kind == "tensor":
        return tensors[0]
    if kind == "dict":
        return Outputs(zip(detail.split(","), tensors, strict=True))
    return tuple(tensors) if kind == "tuple" else list(tensors)


def _with_quantized_weights(model: Any) -> Any:
    import torchao.quantization as quantization

    quantization.quantize_(model, getattr(quantization, SETTINGS["config"])(**SETTINGS.get("options", {})))
    return model


def _compiled(model: Any, folder: str) -> Any:
    """The model, compiled by what the archive's cache holds; where that does not fit the machine, compiled anew.

    That is done now, for the archive's examples, in the gradient mode in which the handler calls its model.
    """
    cache = os.path.join(folder, SETTINGS["cache"])
    if os.path.exists(cache):
        with contextlib.suppress(Exception), open(cache, "rb") as file:
            torch.compiler.load_cache_artifacts(file.read())
    compiled = torch.compile(model, **SETTINGS.get("options", {}))
    device = next((each.device for each in model.parameters()), torch.device("cpu"))
    for args, named in torch.load(os.path.join(folder, SETTINGS["examples"]), map_location=device, weights_only=True):
        with getattr(torch, SETTINGS["mode"])():
            compiled(*args, **named)
    return compiled


def _as_float(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.float() if value.dtype is torch.bfloat16 else value
    if isinstance(value, Mapping):
        return Outputs((key, _as_float(each)) for key, each in value.items())
    return type(value)(_as_float(each) for each in value) if isinstance(value, list | tuple) else value
