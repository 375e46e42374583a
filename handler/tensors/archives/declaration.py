"""The tensors of an archive, as its model-config.yaml declares them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

DATATYPES = frozenset(
    ("BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64", "BYTES",
     "BF16")
)  # fmt: skip
OF_MODEL: Literal["auto"] = "auto"
"""Stands for the tensors of the ONNX model that the archive holds."""
FORM = (
    "inputs and outputs, each a list of {name: x, datatype: FP32, shape: [-1, 4]}, or auto for those of an ONNX model"
)


@dataclass(frozen=True, slots=True)
class DeclaredTensor:
    """One input or output. The size -1 stands for any; at the front of all of them it is the batch dimension."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TensorDeclaration:
    """The inputs and outputs of a model."""

    inputs: tuple[DeclaredTensor, ...]
    outputs: tuple[DeclaredTensor, ...]

    @property
    def is_batched(self) -> bool:
        """Whether all of them begin with a batch dimension, whose rows are rows for the handler."""
        return all(tensor.shape[:1] == (-1,) for tensor in (*self.inputs, *self.outputs))


def parse_tensors(value: object) -> TensorDeclaration | Literal["auto"]:
    """The declaration under the key `tensors`; raises ValueError with the form that is expected."""
    if value == OF_MODEL:
        return OF_MODEL
    if not isinstance(value, Mapping) or {*value} != {"inputs", "outputs"}:
        raise ValueError(FORM)
    return TensorDeclaration(_tensors(value["inputs"]), _tensors(value["outputs"]))


def _tensors(values: Any) -> tuple[DeclaredTensor, ...]:
    if not isinstance(values, list) or not values:
        raise ValueError(FORM)
    tensors = tuple(map(_tensor, values))
    if len({tensor.name for tensor in tensors}) < len(tensors):
        raise ValueError(f"{FORM}, no name twice")
    return tensors


def _tensor(value: Any) -> DeclaredTensor:
    if not isinstance(value, Mapping) or {*value} != {"name", "datatype", "shape"}:
        raise ValueError(FORM)
    name, datatype, shape = str(value["name"]), str(value["datatype"]), value["shape"]
    if not name or datatype not in DATATYPES:
        raise ValueError(f"{FORM}; datatypes are {', '.join(sorted(DATATYPES))}")
    if not isinstance(shape, list) or not all(type(size) is int and (size == -1 or size > 0) for size in shape):
        raise ValueError(f"{FORM}; sizes are positive, or -1 for any")
    return DeclaredTensor(name, datatype, tuple(shape))
