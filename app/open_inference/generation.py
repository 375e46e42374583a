"""The generate extension: one JSON object in; one out, or server-sent events."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from math import prod
from typing import Any

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from app.http.responses import RawResponse, TorchServeResponse
from app.open_inference.errors import JSON, REASONS, raw_error
from app.open_inference.infer_parameters import check_kind
from app.open_inference.infer_response import dumped, response_header
from app.open_inference.json_values import internal, parse_json, string_member
from app.open_inference.tensor_data import array_of, check_strings, elements_of, flat
from handler.tensors.datatypes import BYTES
from handler.tensors.errors import TensorError, invalid
from handler.tensors.requests import Parameter, TensorRequest, TensorResponse
from handler.tensors.signature import ANY, Signature
from handler.tensors.tensor import Shape, Tensor
from model_registry.tensors.served_tensors import ServedTensors
from model_registry.tensors.tensor_reply import PendingResponses

ONE_RESPONSE = (
    "generate expects model to produce exactly 1 response, use generate stream for model that generates various number "
    "of responses"
)
EVENTS = ((b"content-type", b"text/event-stream; charset=utf-8"),)


async def generate_once(served: ServedTensors, request: Request) -> RawResponse | TorchServeResponse:
    """Exactly one response, as JSON; any other number is an error with the status 200, as in Triton."""
    asked, responses = await _started(served, request)
    found = [each async for each in responses]
    failed = next((each.error for each in found if each.error is not None), None)
    if failed is not None:
        return raw_error(failed, is_json=True)
    if len(found) != 1:
        return _Chunked(200, JSON, _pieces([dumped({"error": ONE_RESPONSE})]))
    return _Chunked(200, JSON, _pieces([_body(served, asked, found[0])]))


async def generate_events(served: ServedTensors, request: Request) -> RawResponse | TorchServeResponse:
    """Any number of responses, each as an event. The first one decides over the status."""
    asked, responses = await _started(served, request)
    first = await anext(responses, None)
    status = 400 if first is not None and first.error is not None else 200
    return _Chunked(status, EVENTS, _events(served, asked, first, responses))


async def _started(served: ServedTensors, request: Request) -> tuple[TensorRequest, AsyncIterator[TensorResponse]]:
    asked = _request(parse_json(await request.body()), served.model.signature)
    queue: asyncio.Queue[tuple[TensorResponse, bool]] = asyncio.Queue()
    pending = served.submit_tensors(asked, lambda response, is_final: queue.put_nowait((response, is_final)))
    return asked, _responses(queue, pending)


def _request(values: Any, signature: Signature) -> TensorRequest:
    """The members named like inputs are these; all others are parameters, the id as well."""
    if not isinstance(values, dict):
        raise internal("attempt to get members for non-object")
    request_id = string_member(values, "id") if "id" in values else ""
    asked = _Members(signature, request_id)
    for name, value in values.items():
        if name == "parameters" and name not in signature.inputs:
            asked.add_nested(name, value)
        else:
            asked.add(name, value)
    return TensorRequest(list(asked.inputs.values()), id=request_id, parameters=asked.parameters)


class _Members:
    """The inputs and parameters among the members of a body."""

    def __init__(self, signature: Signature, request_id: str) -> None:
        self.inputs: dict[str, Tensor] = {}
        self.parameters: dict[str, Parameter] = {}
        self._signature = signature
        self._request_id = request_id

    def add(self, name: str, value: Any) -> None:
        """Take a member; raises TensorError."""
        spec = self._signature.inputs.get(name)
        if spec is None:
            check_kind(name, value)
            self.parameters[name] = value
            return
        elements = flat(value) if isinstance(value, list) else [value]
        if spec.datatype is BYTES:
            check_strings(elements)
        dims = (ANY, *spec.dims) if self._signature.max_batch_size else spec.dims
        shape = _padded(name, dims, len(value) if isinstance(value, list) else 1)
        if name in self.inputs:
            raise invalid(f"input '{name}' already exists in request", self._request_id)
        self.inputs[name] = Tensor(name, spec.datatype, shape, array=array_of(elements, name, spec.datatype, shape))

    def add_nested(self, keyword: str, values: Any) -> None:
        """Take the members of an object; raises TensorError, which names the keyword."""
        if not isinstance(values, dict):
            raise internal(
                f"Expected JSON object for keyword: '{keyword}': attempt to access JSON non-object as object"
            )
        try:
            for name, value in values.items():
                self.add(name, value)
        except TensorError as error:
            raise TensorError(f"Converting keyword: '{keyword}': {error.message}", error.code) from None


def _padded(name: str, dims: Shape, count: int) -> Shape:
    """The shape of so many elements: what fixed dimensions leave is the last variable one's; raises TensorError."""
    left, rest = divmod(count, max(1, prod(size for size in dims if size != ANY)))
    shape: list[int] = []
    for size in reversed(dims):
        shape.append(left if size == ANY else size)
        left = 1 if size == ANY else left
    if rest or left != 1:
        raise TensorError(f"The schema can not convert input '{name}' to tensor with proper shape")
    return tuple(reversed(shape))


async def _responses(
    queue: "asyncio.Queue[tuple[TensorResponse, bool]]", pending: PendingResponses
) -> AsyncIterator[TensorResponse]:
    """The responses that are not empty, as they come.

    A client that leaves after the first one cancels the request: Triton notices when it writes. Before that nothing
    reaches the model.
    """
    is_final = has_begun = False
    try:
        while not is_final:
            response, is_final = await queue.get()
            if not response.is_empty:
                has_begun = True
                yield response
    finally:
        if has_begun:
            pending.cancel()
        else:
            pending.abandon()


async def _events(
    served: ServedTensors, asked: TensorRequest, first: TensorResponse | None, following: AsyncIterator[TensorResponse]
) -> AsyncIterator[bytes]:
    if first is not None:
        yield _event(served, asked, first)
    async for response in following:
        yield _event(served, asked, response)


def _event(served: ServedTensors, asked: TensorRequest, response: TensorResponse) -> bytes:
    if response.error is not None:
        return b"data: " + dumped({"error": response.error.message}) + b"\n\n"
    return b"data: " + _body(served, asked, response) + b"\n\n"


def _body(served: ServedTensors, asked: TensorRequest, response: TensorResponse) -> bytes:
    """A response with its outputs as members; a single element stands for itself."""
    values: dict[str, Any] = response_header(asked.id, served.name, served.version, _plain(response.parameters))
    for tensor in response.outputs:
        elements = elements_of(tensor)
        values[tensor.name] = elements[0] if len(elements) == 1 else elements
    return dumped(values)


def _plain(parameters: Mapping[str, Parameter]) -> dict[str, Parameter]:
    return {key: value for key, value in parameters.items() if not key.startswith("sequence_")}


async def _pieces(pieces: list[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


class _Chunked(TorchServeResponse):
    """A response in pieces."""

    def __init__(self, status: int, headers: Any, pieces: AsyncIterator[bytes]) -> None:
        super().__init__(RawResponse(status, b"", headers, REASONS.get(status, b"OK")))
        self.raw_headers.pop()  # its length is not known
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send each piece as it comes."""
        await self._start(send)
        async for piece in self._pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
