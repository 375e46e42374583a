"""The signature of a model, from its configuration and the files of labels beside it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from handler.tensors.signature import Signature, TensorSpec
from model_registry.triton.config.datatypes import datatype_in
from model_registry.triton.config.files import read_bytes


def signature_of(config: Any, folder: Path) -> Signature:
    """The inputs and outputs of a configuration that has been checked; raises TensorError where labels are missing."""
    inputs = [_spec(config, one, optional=one.optional, ragged=one.allow_ragged_batch) for one in config.input]
    outputs = [_spec(config, one, labels=_labels(folder, one.label_filename)) for one in config.output]
    return Signature(config.name, config.max_batch_size, inputs, outputs)


def metadata_shape(config: Any, tensor: Any) -> list[int]:
    """The shape that clients see: with the batch dimension of a model that batches."""
    return [-1, *tensor.dims] if config.max_batch_size > 0 else list(tensor.dims)


def _spec(
    config: Any, tensor: Any, *, optional: bool = False, ragged: bool = False, labels: Sequence[str] = ()
) -> TensorSpec:
    datatype = datatype_in(config, tensor)
    assert datatype is not None
    reshape = tuple(tensor.reshape.shape) if tensor.HasField("reshape") else None
    return TensorSpec(tensor.name, datatype, tuple(tensor.dims), reshape, optional, ragged, labels)


def _labels(folder: Path, file: str) -> Sequence[str]:
    return read_bytes(folder / file).decode(errors="replace").splitlines() if file else ()
