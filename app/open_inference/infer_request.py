"""Requests of inference over HTTP: a JSON header, and raw tensors behind it. The order of the checks is Triton's."""

from collections.abc import Mapping
from math import prod
from typing import Any, NamedTuple

from app.open_inference.infer_parameters import InferParameters
from app.open_inference.json_values import array_member, object_or_empty, parse_json, string_member, unsigned
from app.open_inference.output_format import OutputFormat, Regions, output_formats, region_of
from app.open_inference.tensor_data import array_of
from handler.tensors.datatypes import BY_NAME, BYTES, UNKNOWN, Datatype
from handler.tensors.errors import TensorError, invalid
from handler.tensors.requests import TensorRequest
from handler.tensors.signature import Signature
from handler.tensors.strings import LENGTH
from handler.tensors.tensor import Shape, Tensor

Body = bytes | bytearray | memoryview
FIELDS = "'data', 'binary_data_size' in 'parameters', 'shared_memory_region' in 'parameters'"


class InferRequest(NamedTuple):
    """A request, and the forms in which its outputs are wanted."""

    request: TensorRequest
    formats: Mapping[str, OutputFormat]
    """By output; for those that are not there `default` counts."""
    default: OutputFormat = OutputFormat()


def parse_infer_request(
    body: Body, header_length: int | None, signature: Signature, regions: Regions, headers: Mapping[str, str]
) -> InferRequest:
    """The request of a body whose first `header_length` bytes are JSON, all if that is None, none if it is 0.

    `headers` become parameters, and win over those of the body. Raises TensorError.
    """
    if header_length == 0 or not body:
        return _raw_request(body, signature)
    view = memoryview(body)
    header = parse_json(body if header_length is None else view[:header_length])
    tail = _Tail(view[header_length or len(view) :], signature.model)
    values = header if isinstance(header, dict) else {}
    request_id = string_member(values, "id") if "id" in values else ""
    given = InferParameters.of_body(values)
    inputs = _inputs(header, tail, regions, request_id)
    tail.check_end()
    formats = output_formats(values, regions)
    request = TensorRequest(
        inputs,
        tuple(formats),
        request_id,
        parameters={**given.own, **headers} if headers else given.own,
        sequence=given.sequence,
        priority=given.priority,
        timeout=given.timeout,
    )
    return InferRequest(request, formats, OutputFormat(is_binary=given.is_binary))


def _raw_request(body: Body, signature: Signature) -> InferRequest:
    """The whole body is the only input of a model; its answer is binary."""
    spec = signature.only_input("")
    shape = signature.shape_of_raw(spec, len(body), "")
    if spec.datatype is not BYTES and len(body) != (expected := prod(shape) * spec.datatype.size):
        raise invalid(
            f"input byte size mismatch for input 'raw_input' for model '{signature.model}'. Expected {expected}, got "
            f"{len(body)}",
            "",
        )
    raw = LENGTH.pack(len(body)) + bytes(body) if spec.datatype is BYTES else body
    tensor = Tensor(spec.name, spec.datatype, shape, raw=raw)
    return InferRequest(TensorRequest([tensor]), {}, OutputFormat(is_binary=True))


class _Tail:
    """The raw tensors behind the JSON, taken in order."""

    def __init__(self, view: memoryview, model: str) -> None:
        self._view = view
        self._model = model
        self._at = 0

    def take(self, name: str, size: int) -> memoryview:
        """The bytes of the next tensor."""
        missing = size - (len(self._view) - self._at)
        if missing > 0:
            raise TensorError(
                f"unexpected size for input '{name}', expecting {missing} additional bytes for model '{self._model}'"
            )
        self._at += size
        return self._view[self._at - size : self._at]

    def check_end(self) -> None:
        """Raise TensorError where something is left."""
        if self._at != len(self._view):
            raise TensorError(f"unexpected additional input data for model '{self._model}'")


class _Head(NamedTuple):
    """The description of an input, without its elements."""

    name: str
    datatype: Datatype
    shape: Shape
    parameters: Mapping[str, Any]

    @classmethod
    def of(cls, values: Any) -> "_Head":
        """That of a member of `inputs`; raises TensorError."""
        parameters = object_or_empty(values, "parameters") if isinstance(values, dict) else {}
        _check_content(values if isinstance(values, dict) else {}, parameters)
        name, datatype = string_member(values, "name"), BY_NAME.get(string_member(values, "datatype"), UNKNOWN)
        return cls(name, datatype, tuple(unsigned(size, "shape") for size in array_member(values, "shape")), parameters)


def _inputs(header: Any, tail: _Tail, regions: Regions, request_id: str) -> list[Tensor]:
    inputs: dict[str, Tensor] = {}
    for each in array_member(header, "inputs"):
        head = _Head.of(each)
        if head.name in inputs:
            raise invalid(f"input '{head.name}' already exists in request", request_id)
        inputs[head.name] = _input(each, head, tail, regions)
    return list(inputs.values())


def _input(values: Any, head: _Head, tail: _Tail, regions: Regions) -> Tensor:
    name, datatype, shape, parameters = head
    if "binary_data_size" in parameters:
        size = unsigned(parameters["binary_data_size"], "binary_data_size")
        return Tensor(name, datatype, shape, raw=tail.take(name, size))
    region = region_of(parameters)
    if region is not None:
        return Tensor(name, datatype, shape, raw=regions.view(region))
    if not shape or prod(shape) == 0:  # a tensor without dimensions counts no elements in Triton
        return Tensor(name, datatype, shape, raw=b"")
    return Tensor(name, datatype, shape, array=array_of(array_member(values, "data"), name, datatype, shape))


def _check_content(values: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
    given = [f"'{name}'" for name, where in (
        ("data", values), ("binary_data_size", parameters), ("shared_memory_region", parameters),
    ) if name in where]  # fmt: skip
    if len(given) == 1:
        return
    found = f"But set {' '.join(given)}" if given else "But no field is set"
    raise TensorError(f"Input must set only one of the following fields: {FIELDS}. {found}")
