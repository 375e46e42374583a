"""Responses of inference over HTTP: JSON, or a JSON header with raw tensors behind it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from app.open_inference.infer_request import InferRequest
from app.open_inference.output_format import OutputFormat, Region, Regions
from app.open_inference.tensor_data import elements_of, is_finite
from handler.tensors.classification import classified
from handler.tensors.errors import Code, TensorError
from handler.tensors.requests import Parameter, TensorResponse
from handler.tensors.signature import Signature
from handler.tensors.tensor import Raw, Tensor


class InferBody(NamedTuple):
    """The pieces of a body; the first is JSON, and others, if there are any, are raw tensors."""

    pieces: Sequence[Raw]
    is_binary: bool


def render_response(
    asked: InferRequest, response: TensorResponse, signature: Signature, version: str, regions: Regions
) -> InferBody:
    """The body of a response without an error; raises TensorError where an output cannot be written."""
    raw: list[Raw] = []
    outputs = [
        _output(tensor, asked.formats.get(tensor.name, asked.default), signature, regions, raw)
        for tensor in response.outputs
    ]
    header = response_header(asked.request.id, signature.model, version, response.parameters)
    header["outputs"] = outputs
    return InferBody([dumped(header), *raw], bool(raw))


def response_header(request_id: str, model: str, version: str, parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    """The members of a response that are no outputs."""
    header: dict[str, Any] = {"id": request_id} if request_id else {}
    header |= {"model_name": model, "model_version": version}
    if parameters:
        header["parameters"] = dict(parameters)
    return header


def dumped(value: dict[str, Any]) -> bytes:
    """Compact JSON; not a number and the infinities are written as bare words, as Triton does."""
    if all(is_finite(output.get("data")) for output in value.get("outputs", ())):
        return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
    text = json.dumps(value, default=lambda array: array.tolist(), separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def _output(
    tensor: Tensor, wanted: OutputFormat, signature: Signature, regions: Regions, raw: list[Raw]
) -> dict[str, Any]:
    tensor = shown(tensor, wanted, signature)
    described: dict[str, Any] = {
        "name": tensor.name, "datatype": tensor.datatype.name, "shape": tensor.shape,
    }  # fmt: skip
    if wanted.region is not None:
        write_to_region(tensor, wanted.region, regions)
    elif wanted.is_binary:
        described["parameters"] = {"binary_data_size": tensor.byte_size}
        if tensor.byte_size:  # a response without a byte behind its JSON is called JSON
            raw.append(tensor.raw)
    else:
        described["data"] = elements_of(tensor)
    return described


def shown(tensor: Tensor, wanted: OutputFormat, signature: Signature) -> Tensor:
    """An output, or its classes where those are wanted instead."""
    if not wanted.classes:
        return tensor
    labels = signature.outputs[tensor.name].labels
    return classified(tensor, wanted.classes, labels, has_batch=signature.max_batch_size > 0)


def write_to_region(tensor: Tensor, region: Region, regions: Regions) -> None:
    """Put the elements into a client's shared memory; raises TensorError where it is too small."""
    view, size = regions.view(region), tensor.byte_size
    if size > region.byte_size:
        raise TensorError(
            f"shared memory size specified with the request for output '{tensor.name}' ({region.byte_size} bytes) "
            f"should be at least {size} bytes to hold the results",
            Code.INTERNAL,
            is_late=True,
        )
    view[:size] = memoryview(tensor.raw).cast("B")
