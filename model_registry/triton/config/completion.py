"""Completes configurations from what a backend knows of its model: ONNX's tensors; a Python model's own words."""

from collections.abc import Mapping, Sequence
from typing import Any

from handler.tensors.backends.onnx_model import OnnxDescription, OnnxTensor
from handler.tensors.errors import TensorError
from handler.tensors.signature import ANY
from model_registry.triton.config.config_forms import InvalidConfig, config_of_values
from model_registry.triton.config.defaults import fill_defaults

SCHEDULERS = ("dynamic_batching", "sequence_batching", "ensemble_scheduling")


def needs_description(config: Any) -> bool:
    """Whether an ONNX model's file has to be looked at: where inputs or outputs are left out."""
    return not config.input or not config.output


def complete_onnx(config: Any, model: OnnxDescription, default_max_batch_size: int) -> None:
    """Fill in inputs, outputs and batching; raises TensorError for a batch size that the model does not support."""
    tensors = [*model.inputs, *model.outputs]
    if all(tensor.shape[:1] == (ANY,) for tensor in tensors):
        config.max_batch_size = config.max_batch_size or default_max_batch_size
        if config.max_batch_size > 1 and not any(config.HasField(scheduler) for scheduler in SCHEDULERS):
            config.dynamic_batching.SetInParent()
    elif config.max_batch_size:
        raise TensorError(
            f"autofill failed for model '{config.name}': model does not support batching while non-zero max_batch_size "
            "is specified"
        )
    if not config.input:
        _add(config, config.input, model.inputs)
    if not config.output:
        _add(config, config.output, model.outputs)
    fill_defaults(config)


def _add(config: Any, entries: Any, tensors: Sequence[OnnxTensor]) -> None:
    for tensor in tensors:
        if tensor.datatype is None:
            raise TensorError(f"unsupported datatype for tensor '{tensor.name}' of model '{config.name}'")
        entry = entries.add(name=tensor.name)
        entry.data_type = (
            config.DESCRIPTOR.file.enum_types_by_name["DataType"].values_by_name[tensor.datatype.config_name].number
        )
        dims = tensor.shape[1:] if config.max_batch_size else tensor.shape
        entry.dims.extend(dims or [1])
        if not dims:
            entry.reshape.SetInParent()


def complete_python(config: Any, values: Mapping[str, Any]) -> None:
    """Take over a configuration that a Python model has completed; raises TensorError."""
    try:
        completed = config_of_values(values)
    except InvalidConfig as error:
        raise TensorError(f"auto_complete_config of model '{config.name}' made no configuration: {error}") from error
    config.CopyFrom(completed)
    fill_defaults(config)
