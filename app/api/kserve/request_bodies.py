"""The bodies of predictions: read as JSON whatever type they claim, checked, and in the form that envelopes take.

KServe's agent sends none, and `curl -d` a wrong content type. What a client got wrong is said before a handler sees it.
"""

from math import prod
from typing import Any

import orjson

from app.errors import BadRequest
from app.open_inference.tensor_data import flat
from handler.tensors.datatypes import BY_NAME, BYTES
from handler.tensors.strings import decode_strings

BINARY_SIZE = "binary_data_size"
FIELDS = (("name", str, "a string"), ("datatype", str, "a string"), ("shape", list, "a list of integers"))


def parse_json(body: bytes | bytearray | memoryview) -> Any:
    """The value of a body; raises BadRequest."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"Unrecognized request format: {error}") from None


def check_first_protocol(value: Any, envelope: str | None) -> None:
    """Raise BadRequest for a request of the first protocol without instances; other envelopes have other keys."""
    if isinstance(value, dict):
        for key in ("instances", "inputs"):
            if key in value and not isinstance(value[key], list):
                raise BadRequest(f'Expected "{key}" to be a list')
    if envelope != "kserve":
        return
    if not isinstance(value, dict) or "instances" not in value:
        raise BadRequest('Expected an object with a list under "instances"')
    if not value["instances"]:
        raise BadRequest('Expected "instances" to hold at least one instance')


def tensors_body(body: bytes | bytearray, header_length: str) -> bytes:
    """The body of a request of the second protocol, whose tensors are all in JSON; raises BadRequest.

    `header_length` is the length of its JSON in bytes where raw tensors follow. An id of white space counts as none:
    the handler's envelope then takes that of the request.
    """
    length = _length(header_length, len(body))
    value, tail = parse_json(memoryview(body)[:length]), memoryview(body)[length:]
    if not isinstance(value, dict) or not isinstance(value.get("inputs"), list):
        raise BadRequest('Expected an object with a list under "inputs"')
    if not value["inputs"]:
        raise BadRequest('Expected "inputs" to hold at least one tensor')
    given = value.get("id")
    if given is not None and not isinstance(given, str):
        raise BadRequest('Expected "id" to be a string')
    for index, tensor in enumerate(value["inputs"]):
        tail = _complete(tensor, f"inputs[{index}]", tail)
    if len(tail):
        raise BadRequest(f"{len(tail)} bytes follow the tensors that the JSON names")
    if given is not None and not given.strip():
        del value["id"]
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def _length(header_length: str, size: int) -> int:
    if not header_length:
        return size
    if not header_length.isdecimal() or int(header_length) > size:
        raise BadRequest(f"Inference-Header-Content-Length is no number of bytes of this body: {header_length[:40]}")
    return int(header_length)


def _complete(tensor: Any, place: str, tail: memoryview) -> memoryview:
    """Check a tensor, put its raw elements into `data` where it has any, and return the bytes that follow them."""
    if not isinstance(tensor, dict):
        raise BadRequest(f"{place}: expected an object")
    for name, kind, words in FIELDS:
        if not isinstance(tensor.get(name), kind):
            raise BadRequest(f"{place}.{name}: expected {words}")
    if not all(type(size) is int and size >= 0 for size in tensor["shape"]):
        raise BadRequest(f"{place}.shape: expected a list of integers")
    parameters = tensor.get("parameters") or {}
    if isinstance(parameters, dict) and BINARY_SIZE in parameters:
        return _take_binary(tensor, parameters.pop(BINARY_SIZE), place, tail)
    data = tensor.get("data")
    if not isinstance(data, list):
        raise BadRequest(f"{place}.data: expected a list")
    count = prod(tensor["shape"])
    if len(data) != count and len(flat(data)) != count:
        raise BadRequest(f"{place}: shape {tensor['shape']} does not fit {len(flat(data))} elements of data")
    return tail


def _take_binary(tensor: dict[str, Any], size: Any, place: str, tail: memoryview) -> memoryview:
    if type(size) is not int or not 0 <= size <= len(tail):
        raise BadRequest(f"{place}: {BINARY_SIZE} is no number of the {len(tail)} bytes that remain")
    try:
        tensor["data"] = _elements(tensor, tail[:size])
    except (KeyError, ValueError) as error:
        raise BadRequest(f"{place}: {size} bytes are no {tensor['datatype']} tensor of its shape: {error}") from None
    return tail[size:]


def _elements(tensor: dict[str, Any], raw: memoryview) -> Any:
    """The elements for JSON; texts in UTF-8 as themselves. Raises KeyError and ValueError."""
    import numpy as np  # most runtimes are never sent raw tensors

    datatype, count = BY_NAME[tensor["datatype"]], prod(tensor["shape"])
    is_text = datatype is BYTES
    elements: list[Any] = decode_strings(raw) if is_text else np.frombuffer(raw, datatype.dtype).tolist()
    if len(elements) != count:
        raise ValueError(f"they hold {len(elements)} elements")
    return [element.decode() for element in elements] if is_text else elements
