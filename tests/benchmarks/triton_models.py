"""The repository of the benchmark beside Triton: each ONNX file by a Python model, and by the ONNX backend."""

import itertools
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from app.initial_models.sample_archives import sign
from tests.benchmarks.jobs import MODELS

MAX_BATCH = 16
CONFIG = """
{backend}
max_batch_size: {batch}
input [ {{ name: "{input}" data_type: TYPE_FP32 dims: {input_dims} }} ]
output [ {{ name: "{output}" data_type: TYPE_FP32 dims: {output_dims} }} ]
dynamic_batching {{ }}
instance_group [ {{ count: 1 kind: KIND_CPU }} ]
"""
PYTHON, ONNX = 'backend: "python"', 'platform: "onnxruntime_onnx"'
WIDTHS = (64, 256, 32)
"""Of the layers of the MLP."""


class Tensors(NamedTuple):
    """The one input and the one output of a model, without the batch."""

    input: str
    input_dims: Sequence[int]
    output: str
    output_dims: Sequence[int]


IDENTITY = Tensors("INPUT", [64], "OUTPUT", [64])


def build(folder: Path, *, has_onnx: bool) -> dict[str, Path]:
    """Write the repository, with models of the ONNX backend if asked for; returns the ONNX files by their names."""
    _add(folder / "identity", PYTHON, IDENTITY, MODELS / "triton/identity/1/model.py")
    files = {"mlp": folder.parent / "mlp.onnx", "sign": Path(str(sign().serialized_file))}
    onnx.save(_mlp(), files["mlp"])
    for name, file in files.items():
        tensors = _tensors(file)
        _add(folder / f"{name}_python", PYTHON, tensors, MODELS / "triton/onnx_python/1/model.py")
        shutil.copy(file, folder / f"{name}_python/1/model.onnx")
        if has_onnx:
            _add(folder / f"{name}_onnx", ONNX, tensors)
            shutil.copy(file, folder / f"{name}_onnx/1/model.onnx")
    return files


def _add(folder: Path, backend: str, tensors: Tensors, code: Path | None = None) -> None:
    (folder / "1").mkdir(parents=True)
    values = {key: list(value) if not isinstance(value, str) else value for key, value in tensors._asdict().items()}
    (folder / "config.pbtxt").write_text(CONFIG.format(backend=backend, batch=MAX_BATCH, **values))
    if code is not None:
        shutil.copy(code, folder / "1/model.py")


def _tensors(file: Path) -> Tensors:
    graph = onnx.load(str(file)).graph
    (given,), (made, *_) = graph.input, graph.output
    return Tensors(given.name, _dims(given), made.name, _dims(made))


def _dims(value: Any) -> list[int]:
    return [size.dim_value for size in value.type.tensor_type.shape.dim][1:]


def _mlp() -> onnx.ModelProto:
    chance = np.random.default_rng(1)
    weights = [chance.normal(0, 0.1, pair).astype("f4") for pair in itertools.pairwise(WIDTHS)]
    nodes = [
        helper.make_node("MatMul", ["X", "first"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("MatMul", ["active", "second"], ["Y"]),
    ]
    tensors = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", width])
        for name, width in (("X", WIDTHS[0]), ("Y", WIDTHS[-1]))
    ]
    constants = [numpy_helper.from_array(array, name) for array, name in zip(weights, ("first", "second"), strict=True)]
    graph = helper.make_graph(nodes, "mlp", tensors[:1], tensors[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
