"""The generate extension: one JSON object in; one out, or server-sent events."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from app.http.responses import RawResponse, TorchServeResponse
from app.open_inference.errors import JSON, REASONS, raw_error
from app.open_inference.infer_parameters import InferParameters
from app.open_inference.infer_response import dumped, response_header
from app.open_inference.json_values import internal, parse_json
from app.open_inference.tensor_data import array_of, elements_of, flat
from handler.tensors.requests import Parameter, TensorRequest, TensorResponse
from handler.tensors.signature import Signature
from handler.tensors.tensor import Tensor
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
    """The members named like inputs are these; all others are parameters."""
    if not isinstance(values, dict):
        raise internal("attempt to get members for non-object")
    inputs, parameters = [], dict[str, Any]()
    for name, value in values.items():
        if name in signature.inputs:
            inputs.append(_input(name, value, signature))
        elif name == "parameters" and isinstance(value, dict):
            parameters |= {key: each for key, each in value.items() if key not in signature.inputs}
            inputs += [_input(key, each, signature) for key, each in value.items() if key in signature.inputs]
        elif name != "id":
            parameters[name] = value
    given = InferParameters.of_body({"parameters": parameters})
    return TensorRequest(
        inputs, id=str(values.get("id", "")), parameters=given.own, sequence=given.sequence, priority=given.priority,
        timeout=given.timeout,
    )  # fmt: skip


def _input(name: str, value: Any, signature: Signature) -> Tensor:
    spec = signature.inputs[name]
    elements = flat(value) if isinstance(value, list) else [value]
    shape = (1, len(elements)) if signature.max_batch_size else (len(elements),)
    return Tensor(name, spec.datatype, shape, array=array_of(elements, name, spec.datatype, shape))


async def _responses(
    queue: "asyncio.Queue[tuple[TensorResponse, bool]]", pending: PendingResponses
) -> AsyncIterator[TensorResponse]:
    """The responses that are not empty, as they come."""
    try:
        is_final = False
        while not is_final:
            response, is_final = await queue.get()
            if not response.is_empty:
                yield response
    finally:
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
