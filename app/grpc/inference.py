"""TorchServe's gRPC inference service: predictions, whole, in pieces, or one after another of a sequence."""

import asyncio
from asyncio import Queue, Task
from collections.abc import AsyncIterator
from typing import Any

from app.errors import BadRequest
from app.grpc import routing
from app.grpc.errors import failure
from app.grpc.messages import INFERENCE, RPC, message
from app.http.request import new_request_id
from app.http.responses import json_text
from app.tracing.tracer import current_call
from handler.errors import PredictionRefused
from handler.job import Input, Output, Part
from model_registry.registry import Registry
from model_registry.reply import PendingReply, ResponseStream
from model_registry.server_defaults import SequenceHeaders

SERVICE = f"{INFERENCE}.InferenceAPIsService"
Response = message(INFERENCE, "PredictionResponse")
Health = message(INFERENCE, "TorchServeHealthResponse")
ErrorInfo = message(RPC, "ErrorInfo")
Answer = Output | ResponseStream
Headers = tuple[tuple[str, str], ...]
Pending = tuple[Any, "Task[Answer]"]
"""A request of a stream, and the task of its answer."""


class InferenceApis:
    """Answers the calls of the inference service. As with TorchServe a handler sees no headers of them."""

    def __init__(self, registry: Registry, sequence: SequenceHeaders) -> None:
        self._registry = registry
        self._sequence = sequence

    async def ping(self, request: Any) -> Any:
        """The text of /ping, which never fails here."""
        text = json_text({"status": "Healthy" if self._registry.is_healthy else "Unhealthy"})
        return Health(health=text.decode().rstrip("\n"))

    async def predictions(self, request: Any) -> Any:
        """One whole answer, also of a handler that streams."""
        return Response(prediction=await whole(await self._predict(request, new_request_id())))

    async def stream_predictions(self, request: Any) -> AsyncIterator[Any]:
        """A response for each piece; one for a handler that does not stream."""
        async for piece in pieces(await self._predict(request, new_request_id())):
            yield Response(prediction=piece)

    async def stream_predictions2(self, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """The answers to the requests of a sequence, in their order; all are accepted as they come."""
        pending: Queue[Pending | None] = Queue()
        reading = asyncio.create_task(self._accept_each(requests, pending))
        try:
            while (one := await pending.get()) is not None:
                async for response in _responses(*one):
                    yield response
        finally:
            reading.cancel()
            while not pending.empty():
                one = pending.get_nowait()
                if one is not None:
                    one[1].cancel()

    async def _accept_each(self, requests: AsyncIterator[Any], pending: "Queue[Pending | None]") -> None:
        try:
            async for request in requests:
                pending.put_nowait((request, asyncio.create_task(self._continue(request))))
        finally:
            pending.put_nowait(None)

    async def _continue(self, request: Any) -> Answer:
        if not request.sequence_id:
            raise BadRequest("Parameter sequenceId is required.")
        marks = (self._sequence.start, self._sequence.end)
        given = tuple((mark, "true") for mark in marks if request.input.get(mark, b"").lower() == b"true")
        headers = ((self._sequence.id, request.sequence_id), *given)
        return await self._predict(request, new_request_id(), headers)

    async def _predict(self, request: Any, request_id: str, headers: Headers = ()) -> Answer:
        parts = tuple(Part(name, "", value) for name, value in request.input.items())
        return await predict(self._registry, request, Input(parts, headers), request_id)


async def predict(registry: Registry, request: Any, given: Input, request_id: str) -> Answer:
    """The answer of the model that a request names."""
    if not request.model_name:
        raise BadRequest("Parameter model_name is required.")
    model = await registry.find_model(request.model_name)

    def submit(given: Input) -> PendingReply:
        return routing.submit(model, given, request_id, request.model_version or None)

    call = current_call.get()
    if call is None or (origin := call.tracer.sample(call.traceparent)) is None:
        reply = submit(given)
    else:
        reply = call.tracer.submit(given, origin, call.name, request_id, submit)
    try:
        return await reply.future
    except PredictionRefused as error:
        if error.code == 200:  # as over HTTP, this is an answer
            return Output(b"error")
        raise
    finally:
        reply.detach()


async def pieces(answer: Answer) -> AsyncIterator[bytes]:
    """The pieces of a handler's answer as they come; raises the error that cut it short."""
    if isinstance(answer, Output):
        yield answer.body
        return
    async for piece in answer:
        yield piece


async def whole(answer: Answer) -> bytes:
    """A handler's answer in one piece."""
    return b"".join([piece async for piece in pieces(answer)])


async def _responses(request: Any, answer: "Task[Answer]") -> AsyncIterator[Any]:
    sequence = request.sequence_id or None
    try:
        async for piece in pieces(await answer):
            yield Response(prediction=piece, sequence_id=sequence)
    except Exception as error:
        yield _failed(error, sequence)
    finally:
        answer.cancel()


def _failed(error: Exception, sequence: str | None) -> Any:
    """A failure among answers: it does not end the stream."""
    translated = failure(error, predicting=True)
    response = Response(sequence_id=sequence)
    response.status.code, response.status.message = translated.code.value[0], translated.message
    info = ErrorInfo(reason=translated.reason)
    response.status.details.add(type_url=f"type.googleapis.com/{RPC}.ErrorInfo", value=info.SerializeToString())
    return response
