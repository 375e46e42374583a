"""The requests of `model_warmup`: made once, and served by each instance before it counts as loaded."""

from collections.abc import Iterator, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from handler.tensors.datatypes import BYTES, Datatype
from handler.tensors.errors import TensorError
from handler.tensors.requests import TensorRequest
from handler.tensors.signature import Signature
from handler.tensors.strings import encode_strings
from handler.tensors.tensor import Raw, Tensor
from model_registry.triton.config.datatypes import datatype_in
from model_registry.triton.config.files import read_bytes

FOLDER = "warmup"


def warm_up_requests(config: Any, folder: Path, signature: Signature) -> Sequence[TensorRequest]:
    """Every request, as often as it is to be run; raises TensorError."""
    return [request for sample in config.model_warmup for request in _requests(config, sample, folder, signature)]


def _requests(config: Any, sample: Any, folder: Path, signature: Signature) -> Iterator[TensorRequest]:
    inputs = [_tensor(config, name, sample.inputs[name], folder) for name in sorted(sample.inputs)]
    request = signature.check(TensorRequest(inputs))
    batch = sample.batch_size if config.max_batch_size > 0 else 1
    for _ in range(max(1, sample.count) * max(1, batch)):
        yield request


def _tensor(config: Any, name: str, sample: Any, folder: Path) -> Tensor:
    datatype = datatype_in(config, sample)
    if datatype is None or any(size < 1 for size in sample.dims):
        raise TensorError(f"warm-up setting of model '{config.name}' needs a data type and fixed dims for '{name}'")
    shape = (1, *sample.dims) if config.max_batch_size > 0 else tuple(sample.dims)
    return Tensor(name, datatype, shape, raw=_data(datatype, prod(shape), sample, folder))


def _data(datatype: Datatype, count: int, sample: Any, folder: Path) -> Raw:
    kind = sample.WhichOneof("input_data_type")
    if kind == "input_data_file":
        return read_bytes(folder / FOLDER / str(sample.input_data_file))
    if datatype is BYTES:
        return encode_strings([b"random" if kind == "random_data" else b""] * count)
    size: int = count * datatype.size
    return bytes(np.random.default_rng().bytes(size)) if kind == "random_data" else bytes(size)
