"""The ONNX and TorchScript models of the scenarios; every answer of theirs is easy to compute by hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from tests.conformance.triton.models.torch_modules import AddSub, Linear

FLOAT, INT64, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
Values = Mapping[str, tuple[int, Sequence[str | int]]]
"""Types and shapes by name; a string in a shape is a symbolic dimension."""
PAIR: tuple[Values, Values] = (
    {name: (FLOAT, ["batch", 4]) for name in ("INPUT0", "INPUT1")},
    {name: (FLOAT, ["batch", 4]) for name in ("OUTPUT0", "OUTPUT1")},
)
SUM, DIFFERENCE = ((kind, ["INPUT0", "INPUT1"]) for kind in ("Add", "Sub"))
ADD_SUB = ("onnx_auto", "onnx_config", "onnx_wrong_type", "onnx_wrong_dims", "onnx_wrong_count")
SCRIPTED = ("ts_index", "ts_swapped", "ts_names", "ts_order")


def build(folder: Path) -> None:
    """Write all of them; their configurations are among the other models."""
    inputs, outputs = PAIR
    first = {"OUTPUT0": outputs["OUTPUT0"]}
    for name in ADD_SUB:
        write_onnx(folder / name, [(*SUM, "OUTPUT0"), (*DIFFERENCE, "OUTPUT1")], inputs, outputs)
    write_onnx(folder / "onnx_versions", [(*SUM, "OUTPUT0")], inputs, first)
    write_onnx(folder / "onnx_versions", [(*DIFFERENCE, "OUTPUT0")], inputs, first, version=2)
    write_onnx(
        folder / "onnx_fixed", [("MatMul", ["X", "W"], "Y")], {"X": (FLOAT, [2, 3])}, {"Y": (FLOAT, [2, 2])},
        {"W": np.array([[1, 0], [0, 1], [1, 1]], np.float32)},
    )  # fmt: skip
    write_onnx(
        folder / "onnx_types", [("Mul", ["N", "TWO"], "DOUBLE"), ("Identity", ["S"], "T")],
        {"N": (INT64, ["batch", "width"]), "S": (STRING, ["batch", 1])},
        {"DOUBLE": (INT64, ["batch", "width"]), "T": (STRING, ["batch", 1])}, {"TWO": np.array([2], np.int64)},
    )  # fmt: skip
    write_onnx(folder / "onnx_no_batching", [("Identity", ["X"], "Y")], {"X": (FLOAT, [2, 3])}, {"Y": (FLOAT, [2, 3])})
    _write(folder / "onnx_garbage" / "1" / "model.onnx", b"this is not ONNX")
    for name in SCRIPTED:
        write_script(folder / name, AddSub())
    for name in ("ts_linear", "ts_no_config"):
        write_script(folder / name, Linear())


def write_onnx(
    folder: Path, nodes: Sequence[tuple[str, list[str], str]], inputs: Values, outputs: Values,
    constants: Mapping[str, Any] | None = None, version: int = 1,
) -> None:  # fmt: skip
    """Write a model of nodes: each has a kind, its inputs and its output."""
    tensors = [
        [helper.make_tensor_value_info(name, kind, list(shape)) for name, (kind, shape) in values.items()]
        for values in (inputs, outputs)
    ]
    graph = helper.make_graph(
        [helper.make_node(kind, given, [made]) for kind, given, made in nodes], folder.name, *tensors,
        [numpy_helper.from_array(array, name) for name, array in (constants or {}).items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    _write(folder / str(version) / "model.onnx", model.SerializeToString())


def write_script(folder: Path, module: torch.nn.Module) -> None:
    """Write a module as TorchScript."""
    _write(folder / "1" / "model.pt", b"")
    torch.jit.script(module).save(str(folder / "1" / "model.pt"))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
