"""Inference over HTTP: from a request with its whole body to the one response of a model."""

import asyncio
from collections.abc import Callable, Mapping
from re import Pattern
from typing import NamedTuple

from starlette.requests import Request

from app.http.responses import Headers, RawResponse
from app.open_inference.compression import accepted_encoding, compressed, decompressed
from app.open_inference.errors import JSON, raw_error
from app.open_inference.infer_request import InferRequest, parse_infer_request
from app.open_inference.infer_response import InferBody, render_response
from app.open_inference.json_values import leading_number
from app.open_inference.shared_memory import SharedMemory
from handler.tensors.errors import Code, TensorError
from handler.tensors.requests import TensorResponse
from model_registry.tensors.served_tensors import ServedTensors
from model_registry.tensors.tensor_reply import PendingResponses

HEADER_LENGTH = "inference-header-content-length"
OCTETS = (b"content-type", b"application/octet-stream")
Answer = Callable[[RawResponse], object]


class InferHeaders(NamedTuple):
    """The headers of a request that matter for inference."""

    header_length: str | None = None
    content_encoding: str = ""
    accept_encoding: str = ""
    forwarded: Mapping[str, str] = {}
    """Those that become parameters."""


class InferCall:
    """One request of inference; `answer` gets the response, at once or later.

    Errors before a request is parsed are called plain text, those of the request JSON, and those of the model plain
    text again: so does Triton.
    """

    def __init__(self, served: ServedTensors, regions: SharedMemory, answer: Answer) -> None:
        self._served = served
        self._regions = regions
        self._answer = answer
        self._pending: PendingResponses | None = None
        self._asked: InferRequest | None = None
        self._encoding = ""
        self._is_answered = False

    def __repr__(self) -> str:
        return f"<InferCall to {self._served.name}>"

    def start(self, body: bytes | bytearray, headers: InferHeaders, limit: int) -> None:
        """Parse and submit the request, whose decompressed body may have `limit` bytes."""
        try:
            plain = decompressed(body, headers.content_encoding, limit)
            length = header_length(headers.header_length, len(plain))
        except TensorError as error:
            self._respond(raw_error(error, is_json=False))
            return
        self._encoding = accepted_encoding(headers.accept_encoding) if headers.accept_encoding else ""
        try:
            signature = self._served.model.signature
            self._asked = parse_infer_request(plain, length, signature, self._regions, headers.forwarded)
            self._pending = self._served.submit_tensors(self._asked.request, self._on_response)
        except TensorError as error:
            self._respond(raw_error(error))

    def cancel(self) -> None:
        """The client has disconnected."""
        self._is_answered = True
        if self._pending is not None:
            self._pending.abandon()

    def _on_response(self, response: TensorResponse, is_final: bool) -> None:
        if response.error is not None:
            self._respond(raw_error(response.error, is_json=False))
        elif response.is_empty:
            self._respond(raw_error(TensorError("the model gave no response", Code.INTERNAL), is_json=False))
        else:
            self._respond(self._rendered(response))

    def _rendered(self, response: TensorResponse) -> RawResponse:
        assert self._asked is not None
        model = self._served.model
        try:
            body = render_response(self._asked, response, model.signature, model.version, self._regions)
        except TensorError as error:
            return raw_error(error, is_json=False)
        return _framed(body, self._encoding)

    def _respond(self, response: RawResponse) -> None:
        if not self._is_answered:
            self._is_answered = True
            self._answer(response)


def _framed(body: InferBody, encoding: str) -> RawResponse:
    head, *tail = body.pieces
    headers: Headers = JSON
    if body.is_binary:
        headers = (OCTETS, (HEADER_LENGTH.encode(), b"%d" % len(head)))
    if encoding:
        return RawResponse(
            200, compressed(body.pieces, encoding), (*headers, (b"content-encoding", encoding.encode())), b"OK"
        )
    return RawResponse(200, bytes(head), headers, b"OK", tuple(tail))


def header_length(value: str | None, size: int) -> int | None:
    """The length of the JSON in a body of that size, None if it is all of it; raises TensorError."""
    if value is None:
        return None
    length = leading_number(value) or 0
    if not 0 <= length <= size:
        raise TensorError(f"inference header size should be in range (0, {size}), got: {length}")
    return length


def check_unary(served: ServedTensors) -> None:
    """Raise TensorError for a model that may answer any number of times."""
    if served.model.is_decoupled:
        raise TensorError(
            "HTTP end point doesn't support models with decoupled transaction policy", Code.UNSUPPORTED, is_late=True
        )


def forwarded_headers(lines: list[tuple[str, str]], pattern: Pattern[str] | None) -> dict[str, str]:
    """The headers whose names match, which become parameters."""
    return {name: value for name, value in lines if pattern.fullmatch(name)} if pattern is not None else {}


async def respond(
    request: Request, served: ServedTensors, regions: SharedMemory, limit: int, pattern: Pattern[str] | None = None
) -> RawResponse:
    """The response to a request of inference that has no fast path; raises TensorError.

    Its decompressed body may have `limit` bytes; headers whose names match the pattern become parameters.
    """
    check_unary(served)
    future: asyncio.Future[RawResponse] = asyncio.get_running_loop().create_future()
    headers = InferHeaders(
        request.headers.get(HEADER_LENGTH),
        request.headers.get("content-encoding", ""),
        request.headers.get("accept-encoding", ""),
        forwarded_headers(request.headers.items(), pattern),
    )

    def answer(response: RawResponse) -> None:
        if not future.done():
            future.set_result(response)

    call = InferCall(served, regions, answer)
    call.start(await request.body(), headers, limit)
    try:
        response = await future
    except asyncio.CancelledError:
        call.cancel()
        raise
    # What writes messages of ASGI takes one piece.
    return response._replace(body=b"".join((response.body, *response.tail)), tail=())
