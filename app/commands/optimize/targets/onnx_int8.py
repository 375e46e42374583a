"""ONNX with 8 bit integers: weights for each channel, activations dynamic or calibrated on the recorded calls."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from app.commands.export.onnx_check import open_onnx
from app.commands.optimize.agreement import Agreement, of_outputs
from app.commands.optimize.targets.onnx_float import float_model, stored
from app.commands.optimize.targets.sensitive_layers import Unbearable, quantize_within
from app.commands.optimize.targets.target import BuildContext, Built, LeftOut

OPERATORS = ("MatMul", "Gemm", "Conv")
DYNAMIC_OPERATORS = ("MatMul", "Gemm")
"""Convolutions of integers without calibration are slower than those of floats."""
MAX_CALIBRATION_CALLS = 64
MIN_WEIGHT_DIMENSIONS = 2


def build_dynamic(context: BuildContext) -> Built:
    """Weights of 8 bits; activations are measured in each call."""
    return _build(context, DYNAMIC_OPERATORS, _quantize_dynamic)


def build_static(context: BuildContext) -> Built:
    """Weights and activations of 8 bits, calibrated on samples and neighbours."""
    return _build(context, OPERATORS, partial(_quantize_static, context))


def _build(context: BuildContext, operators: Sequence[str], quantize: Any) -> Built:
    prepared, notes = _prepared(context)
    layers = quantizable_layers(prepared, operators)
    if not layers:
        raise LeftOut(f"it has no {' or '.join(operators)} with weights")
    attempts = iter(range(1_000_000))

    def quantized(chosen: Sequence[str]) -> Path:
        file = context.folder / f"attempt-{next(attempts)}.onnx"
        with quiet():
            quantize(prepared, file, chosen)
        return file

    try:
        found = quantize_within(layers, quantized, partial(_judge, context), context.limits, context.seconds)
    except Unbearable as error:
        raise LeftOut(str(error)) from error
    return stored(context, found.file, [*notes, *found.notes])


def _prepared(context: BuildContext) -> tuple[Path, list[str]]:
    """The float model with shapes, constants folded and normalizations merged, as quantization wants it."""
    import onnx
    from onnxruntime.quantization import quant_pre_process

    file, notes = float_model(context)
    prepared = context.folder / "prepared.onnx"
    with quiet():
        quant_pre_process(str(file), str(prepared), skip_symbolic_shape=True)
    model = onnx.load(prepared)
    del model.graph.value_info[:]  # a Gemm becomes a MatMul, whose weights have another shape
    onnx.save(model, prepared)
    return prepared, notes


def quantizable_layers(file: Path, operators: Sequence[str]) -> list[str]:
    """The names of the nodes that have weights to be quantized."""
    import onnx

    graph = onnx.load(file).graph
    weights = {each.name for each in graph.initializer if len(each.dims) >= MIN_WEIGHT_DIMENSIONS}
    return [node.name for node in graph.node if node.op_type in operators and weights & set(node.input[:2])]


def _names(layers: Sequence[str]) -> list[str]:
    """The names that layers have while they are quantized: a Gemm becomes a MatMul there."""
    return [name for layer in layers for name in (layer, f"{layer}_MatMul", f"{layer}_quant")]


def _quantize_dynamic(source: Path, file: Path, layers: Sequence[str]) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        str(source), str(file), per_channel=True, weight_type=QuantType.QInt8, nodes_to_quantize=_names(layers),
        op_types_to_quantize=list(DYNAMIC_OPERATORS),
    )  # fmt: skip


def _quantize_static(context: BuildContext, source: Path, file: Path, layers: Sequence[str]) -> None:
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    quantize_static(
        str(source), str(file), _Calibration(context), quant_format=QuantFormat.QDQ, per_channel=True,
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, nodes_to_quantize=list(layers),
        op_types_to_quantize=list(OPERATORS),
    )  # fmt: skip


class _Calibration:
    """Reads the inputs of the recorded calls one after the other, as onnxruntime's CalibrationDataReader."""

    def __init__(self, context: BuildContext) -> None:
        calls = context.recording.calls
        step = max(1, len(calls) // MAX_CALIBRATION_CALLS)
        self._inputs = iter([dict(call.inputs) for call in calls[::step]])

    def get_next(self) -> dict[str, Any] | None:
        """The next inputs, None after the last."""
        return next(self._inputs, None)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self._inputs

    def __next__(self) -> dict[str, Any]:
        return next(self._inputs)


def _judge(context: BuildContext, file: Path) -> Agreement:
    """The agreement of a file with the recorded calls."""
    import numpy as np

    session = open_onnx(file)
    names = {each.name for each in session.get_inputs()}
    calls = context.recording.calls
    found = [session.run(None, {name: call.inputs[name] for name in call.inputs if name in names}) for call in calls]
    pairs = []
    for place, first in enumerate(calls[0].outputs):
        one, other = [call.outputs[place] for call in calls], [outputs[place] for outputs in found]
        is_rows = first.ndim == 2 and len({array.shape[1] for array in one}) == 1
        join = np.concatenate if is_rows else lambda arrays: np.concatenate([array.reshape(-1) for array in arrays])
        pairs.append((join(one), join(other)))
    return of_outputs(pairs)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the quantizers' warnings and advice to themselves."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.setLevel(level)
