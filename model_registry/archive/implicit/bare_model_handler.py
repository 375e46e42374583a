"""The handler that is put beside a bare model: numbers in JSON become tensors, and tensors become numbers.

A request is a list for a model of one input, or an object with a list for each input, without the batch dimension;
requests of equal shapes make one batch. The answer is a list, or an object with a list for each of several outputs.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Arrays = dict[str, Any]
Run = Callable[[Arrays], Arrays]
"""From the arrays of the inputs to those of the outputs, both with a batch dimension."""


class BareModel:
    """Serves an ONNX model by ONNX Runtime, or a TorchScript model by torch."""

    def initialize(self, context: Any) -> None:
        """Load the model file that the manifest names."""
        properties = context.system_properties
        file = Path(properties["model_dir"], context.manifest["model"]["serializedFile"])
        self.types, self.run = _load_onnx(file) if file.suffix == ".onnx" else _load_torchscript(file, properties)

    def handle(self, data: list[Any], context: Any) -> list[Any]:
        """One answer for each row: numbers, or arrays where the row has some."""
        requests = [self._arrays(row) for row in data]
        shapes = {tuple((name, array.shape) for name, array in request.items()) for request in requests}
        batches = [requests] if len(shapes) == 1 else [[request] for request in requests]
        answers = [answer for batch in batches for answer in self._infer(batch)]
        return [answer if _has_arrays(row) else _numbers(answer) for row, answer in zip(data, answers, strict=True)]

    def _arrays(self, row: dict[str, Any]) -> Arrays:
        if self.types.keys() <= row.keys():
            return {name: np.asarray(row[name], dtype) for name, dtype in self.types.items()}
        body = row.get("body", row.get("data"))
        values = body if isinstance(body, dict) else dict.fromkeys(list(self.types)[:1], body)
        if values.keys() != self.types.keys():
            raise ValueError(f"the model has the inputs {', '.join(self.types)}; the request has {', '.join(values)}")
        return {name: np.asarray(values[name], dtype) for name, dtype in self.types.items()}

    def _infer(self, batch: list[Arrays]) -> list[Arrays]:
        outputs = self.run({name: np.stack([request[name] for request in batch]) for name in self.types})
        return [{name: array[index] for name, array in outputs.items()} for index in range(len(batch))]


def _has_arrays(row: dict[str, Any]) -> bool:
    return any(isinstance(value, np.ndarray) for value in row.values())


def _numbers(answer: Arrays) -> Any:
    rows = {name: array.tolist() for name, array in answer.items()}
    return next(iter(rows.values())) if len(rows) == 1 else rows


def _load_onnx(file: Path) -> tuple[dict[str, Any], Run]:
    """The types of the inputs by name, and the function that runs the model."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=onnxruntime.get_available_providers())
    named = {"float": "float32", "double": "float64", "string": "object"}
    elements = {node.name: node.type.removeprefix("tensor(").removesuffix(")") for node in session.get_inputs()}
    outputs = [node.name for node in session.get_outputs()]
    types = {name: np.dtype(named.get(element, element)) for name, element in elements.items()}
    return types, lambda arrays: dict(zip(outputs, session.run(outputs, arrays), strict=True))


def _load_torchscript(file: Path, properties: Any) -> tuple[dict[str, Any], Run]:
    import torch

    gpu = properties.get("gpu_id")
    device = f"cuda:{gpu}" if gpu is not None and torch.cuda.is_available() else "cpu"
    model = torch.jit.load(str(file), map_location=device).eval()
    names = [argument.name for argument in model.forward.schema.arguments[1:] if not argument.has_default_value()]

    def run(arrays: Arrays) -> Arrays:
        with torch.inference_mode():
            found = model(*(torch.as_tensor(array, device=device) for array in arrays.values()))
        tensors = found if isinstance(found, tuple | list) else (found,)
        return {f"output{index}": tensor.cpu().numpy() for index, tensor in enumerate(tensors)}

    return dict.fromkeys(names, np.dtype("float32")), run
