"""Requests of inference over gRPC, from their messages; the order of the checks is Triton's."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from app.grpc.triton.infer_parameters import GrpcParameters, read_format, read_parameters, read_region
from app.grpc.triton.raw_contents import InferMessage
from app.open_inference.infer_request import InferRequest
from app.open_inference.output_format import OutputFormat, Regions
from handler.tensors.datatypes import BY_NAME, BYTES, UNKNOWN, Datatype
from handler.tensors.errors import TensorError, invalid
from handler.tensors.requests import TensorRequest
from handler.tensors.tensor import Array, Raw, Shape, Tensor

CONTENTS = {
    "bool_contents": ("BOOL",),
    "int_contents": ("INT32", "INT16", "INT8"),
    "int64_contents": ("INT64",),
    "uint_contents": ("UINT32", "UINT16", "UINT8"),
    "uint64_contents": ("UINT64",),
    "fp32_contents": ("FP32",),
    "fp64_contents": ("FP64",),
    "bytes_contents": ("BYTES",),
}
"""The data types that each field of typed contents is for; the first one is named where another was declared."""
WIDE = {"int_contents": np.int32, "uint_contents": np.uint32}
FIELD_BY_TYPE = {name: field for field, names in CONTENTS.items() for name in names}
BINARY = OutputFormat(is_binary=True)


def parse_infer_request(
    message: InferMessage, model: str, regions: Regions, forwarded: Mapping[str, str]
) -> tuple[InferRequest, GrpcParameters]:
    """The request of a message; `forwarded` headers become parameters, and win. Raises TensorError."""
    fields = message.fields
    given = read_parameters(fields.parameters)
    _check_names(fields)
    raw = iter(message.raw)
    has_raw = bool(message.raw)
    inputs = [_input(each, raw, model, regions, has_raw=has_raw) for each in fields.inputs]
    formats: dict[str, OutputFormat] = {}
    for each in fields.outputs:
        wanted = read_format(each.name, each.parameters)
        if formats.get(each.name, BINARY) == BINARY:  # an output that is listed twice
            formats[each.name] = wanted
    request = TensorRequest(
        inputs, tuple(formats), fields.id, parameters={**given.own, **forwarded} if forwarded else given.own,
        sequence=given.sequence, priority=given.priority, timeout=given.timeout,
    )  # fmt: skip
    return InferRequest(request, formats, BINARY), given


def _check_names(fields: Any) -> None:
    names = set[str]()
    for each in fields.inputs:
        if each.name in names:
            raise invalid(f"input '{each.name}' already exists in request", fields.id)
        names.add(each.name)


def _input(values: Any, raw: Iterator[Raw], model: str, regions: Regions, *, has_raw: bool) -> Tensor:
    name, shape = values.name, tuple(values.shape)
    datatype = BY_NAME.get(values.datatype, UNKNOWN)
    about = f"'{name}' for model '{model}'"
    region = read_region(name, values.parameters) if values.parameters else None
    if region is not None:
        if values.HasField("contents"):
            raise TensorError(f"unexpected 'content' provided when using shared memory for input tensor {about}")
        return Tensor(name, datatype, shape, raw=regions.view(region))
    if values.HasField("contents"):
        if has_raw:
            raise TensorError(f"contents field must not be specified when using raw_input_contents for {about}")
        return _typed(name, datatype, shape, values.contents, about)
    found = next(raw, None)
    if found is None:
        raise TensorError(f"unable to find data for input tensor {about} in request.")
    return Tensor(name, datatype, shape, raw=found)


def _typed(name: str, datatype: Datatype, shape: Shape, contents: Any, about: str) -> Tensor:
    given = [field for field in CONTENTS if len(getattr(contents, field))]
    wanted = FIELD_BY_TYPE.get(datatype.name)
    for number, field in enumerate(given):
        if number:
            raise TensorError(
                f"unexpected explicit tensor data for input tensor {about}, binary data was already supplied."
            )
        if field != wanted:
            raise TensorError(
                f"unexpected explicit tensor data for input tensor {about} of type '{CONTENTS[field][0]}', expected "
                f"datatype '{datatype.name}'"
            )
    if wanted is None or not given:
        return Tensor(name, datatype, shape, raw=b"")
    array = _array(getattr(contents, wanted), wanted, datatype)
    # One with another number of elements than its shape has is refused later, as raw contents are.
    return Tensor(name, datatype, shape, array=array.reshape(shape) if _fits(array, shape) else array)


def _array(elements: Any, field: str, datatype: Datatype) -> Array:
    if datatype is BYTES:
        strings = np.empty(len(elements), object)
        strings[:] = elements
        return strings
    made = np.fromiter(elements, WIDE.get(field, datatype.dtype), count=len(elements))
    return made.astype(datatype.dtype, copy=False)


def _fits(array: Array, shape: Shape) -> bool:
    count = 1
    for size in shape:
        if size < 0:
            return False
        count *= size
    return count == array.size
