"""Tensors between the messages of the Open Inference Protocol and the JSON that handlers and envelopes speak."""

import base64
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson

from app.errors import BadRequest
from handler.errors import BadOutput

CONTENTS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
"""The field of a tensor's contents by its data type; FP16 has none, it only travels raw."""
RAW = {
    "BOOL": "?", "INT8": "<i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8",
    "UINT8": "<u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip


def body_of(request: Any) -> bytes:
    """The JSON body of a ModelInferRequest; raises BadRequest for values that JSON or this server does not know."""
    raw = list(request.raw_input_contents)
    if raw and len(raw) != len(request.inputs):
        raise BadRequest(f"There are {len(request.inputs)} inputs, but {len(raw)} raw contents.")
    inputs = [_input(tensor, raw[index] if raw else None) for index, tensor in enumerate(request.inputs)]
    body = {"id": request.id, "model_name": request.model_name, "inputs": inputs}
    return orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)


def response_of(body: bytes, response_class: Any, *, has_plain_strings: bool = False) -> Any:
    """The ModelInferResponse of a handler's JSON answer; raises BadOutput for any other answer.

    Strings are written as JSON writes them, in quotes, as TorchServe does, or plain.
    """
    try:
        return _response(orjson.loads(body), response_class, has_plain_strings=has_plain_strings)
    except (KeyError, TypeError, ValueError) as error:
        raise BadOutput(f"The model's answer is none of the Open Inference Protocol: {error!r}") from error


def _input(tensor: Any, raw: bytes | None) -> dict[str, Any]:
    entry = {"name": tensor.name, "shape": list(tensor.shape), "datatype": tensor.datatype}
    values = _sent(tensor) if raw is None else _unpacked(tensor, raw)
    return entry if values is None else {**entry, "data": _finite(tensor, values)}


def _sent(tensor: Any) -> Any:
    field = CONTENTS.get(tensor.datatype)
    if field is None:
        return None
    values = getattr(tensor.contents, field)
    if tensor.datatype == "BYTES":
        return [base64.b64encode(value).decode() for value in values]
    # As numbers of 32 bits these are written with their own digits, not with those of the nearest double.
    return np.array(values, np.float32) if tensor.datatype == "FP32" else list(values)


def _unpacked(tensor: Any, raw: bytes) -> Any:
    if tensor.datatype == "BYTES":
        return [base64.b64encode(value).decode() for value in _strings(raw)]
    try:
        return np.frombuffer(raw, RAW[tensor.datatype])
    except (KeyError, ValueError) as error:
        raise BadRequest(f"The raw contents of {tensor.name} are no {tensor.datatype} values.") from error


def _strings(raw: bytes) -> Iterator[bytes]:
    """Each string follows its length, four bytes."""
    at = 0
    while at + 4 <= len(raw):
        (length,) = struct.unpack_from("<I", raw, at)
        yield raw[at + 4 : at + 4 + length]
        at += 4 + length


def _finite(tensor: Any, values: Any) -> Any:
    if tensor.datatype.startswith("FP") and not np.isfinite(values).all():
        raise BadRequest(f"{tensor.name} holds a value that JSON has no word for: NaN or an infinity.")
    return values


def _response(answer: Any, response_class: Any, *, has_plain_strings: bool) -> Any:
    response = response_class(id=answer["id"], model_name=answer["model_name"], model_version=answer["model_version"])
    for output in answer["outputs"]:
        tensor = response.outputs.add(name=output["name"], datatype=output["datatype"], shape=output["shape"])
        tensor.contents.SetInParent()
        field, values = CONTENTS.get(tensor.datatype), output["data"]
        if tensor.datatype == "BYTES":
            is_plain = [has_plain_strings and isinstance(value, str) for value in values]
            values = [
                value.encode() if plain else orjson.dumps(value) for value, plain in zip(values, is_plain, strict=True)
            ]
        if field is not None:
            getattr(tensor.contents, field).extend(values)
    return response
