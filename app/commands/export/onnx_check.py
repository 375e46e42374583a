"""Checks of an exported file: onnx's own, a run in ONNX Runtime, and the comparison with the original's outputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class OutputGap:
    """The distance of one output: the largest and mean difference, and the largest relative to the largest value."""

    name: str
    largest: float
    mean: float
    relative: float


class WrongOutput(Exception):
    """An output has another shape or number than the original's."""


def check_file(file: Path) -> str:
    """Check the file as onnx does, with the inferred shapes; returns its opset as text. Raises what onnx raises."""
    import onnx

    onnx.checker.check_model(str(file), full_check=True)
    model = onnx.load(str(file), load_external_data=False)
    opsets = {each.domain or "ai.onnx": each.version for each in model.opset_import}
    return f"opset {opsets['ai.onnx']}, IR {model.ir_version}, {len(model.graph.node)} nodes"


def open_onnx(file: Path, providers: Sequence[Any] = ("CPUExecutionProvider",)) -> Any:
    """A session of the file; raises what ONNX Runtime raises."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(file), options, providers=list(providers))


def output_gaps(names: Sequence[str], wanted: Sequence[Any], found: Sequence[Any]) -> list[OutputGap]:
    """The distance of each output. Raises WrongOutput."""
    if len(wanted) != len(found):
        raise WrongOutput(f"the model has {len(wanted)} outputs, the file {len(found)}")
    return [_gap(name, *pair) for name, *pair in zip(names, wanted, found, strict=False)]


def _gap(name: str, wanted: Any, found: Any) -> OutputGap:
    one, other = np.asarray(wanted), np.asarray(found)
    if one.shape != other.shape:
        raise WrongOutput(f"the output {name} has the shape {list(other.shape)} instead of {list(one.shape)}")
    if one.size == 0:
        return OutputGap(name, 0.0, 0.0, 0.0)
    one, other = one.astype(np.float64), other.astype(np.float64)
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    gaps = np.where(same, 0.0, np.abs(one - other))
    gaps = np.where(np.isnan(gaps), np.inf, gaps)
    scale = max(1.0, float(np.abs(one[np.isfinite(one)]).max(initial=0.0)))
    return OutputGap(name, float(gaps.max()), float(gaps.mean()), float(gaps.max()) / scale)


def flat_outputs(value: Any) -> list[Any]:
    """The tensors of a model's result as arrays, in the order in which exporters number them."""
    if value is None:
        return []
    if hasattr(value, "detach"):
        return [value.detach().float().numpy() if str(value.dtype) == "torch.bfloat16" else value.detach().numpy()]
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, Mapping):
        return [array for each in value.values() for array in flat_outputs(each)]
    if isinstance(value, list | tuple):
        return [array for each in value for array in flat_outputs(each)]
    return [np.asarray(value)]
