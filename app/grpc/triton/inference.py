"""Inference over gRPC: one response, or a stream of requests whose responses come as they are there."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

from app.grpc.open_inference import OpenInferenceApis
from app.grpc.triton.infer_request import parse_infer_request
from app.grpc.triton.infer_response import FINAL_RESPONSE, response_message
from app.grpc.triton.lookup import CallHeaders, ModelLookup
from app.grpc.triton.raw_contents import InferMessage, Response, StreamMessage
from app.open_inference.infer_request import InferRequest
from app.open_inference.shared_memory import SharedMemory
from handler.tensors.errors import Code, TensorError
from handler.tensors.requests import TensorResponse
from model_registry.tensors.served_tensors import ServedTensors
from model_registry.tensors.tensor_reply import PendingResponses

LOG = logging.getLogger("marserve.grpc")


class InferenceApis:
    """Answers the two calls of inference; those for archives are passed on to `archives`."""

    def __init__(self, models: ModelLookup, regions: SharedMemory, archives: OpenInferenceApis) -> None:
        self._models = models
        self._regions = regions
        self._archives = archives

    async def model_infer(self, message: InferMessage, headers: CallHeaders) -> InferMessage:
        """The one response of a model."""
        fields = message.fields
        await self._models.wait_started()
        if self._models.is_archive(fields.model_name):
            return await self.archive_infer(message, headers)
        served = self._models.route(fields.model_name, fields.model_version, headers)
        if served.model.is_decoupled:
            raise TensorError(
                "ModelInfer RPC doesn't support models with decoupled transaction policy", Code.UNSUPPORTED
            )
        return await self._infer(served, message, headers)

    async def archive_infer(self, message: InferMessage, headers: CallHeaders) -> InferMessage:
        """The response of an archive: of tensors where it declares some, else its handler gets them as JSON."""
        fields = message.fields
        served = await self._models.find_archive(fields.model_name, fields.model_version, headers)
        if served is not None:
            return await self._infer(served, message, headers)
        if message.raw and not fields.raw_input_contents:
            fields.raw_input_contents.extend(map(bytes, message.raw))
        return InferMessage(await self._archives.model_infer(fields))

    async def _infer(self, served: ServedTensors, message: InferMessage, headers: CallHeaders) -> InferMessage:
        asked, _ = parse_infer_request(message, served.name, self._regions, headers.forwarded)
        future: asyncio.Future[TensorResponse] = asyncio.get_running_loop().create_future()

        def receive(response: TensorResponse, is_final: bool) -> None:
            if not future.done():
                future.set_result(response)

        pending = served.submit_tensors(asked.request, receive)
        try:
            response = await future
        except asyncio.CancelledError:
            pending.cancel()
            raise
        return self.rendered(served, asked, response)

    async def model_stream_infer(
        self, requests: AsyncIterator[InferMessage], headers: CallHeaders
    ) -> AsyncIterator[StreamMessage]:
        """The responses to all requests; errors are messages, which end nothing."""
        async for message in _InferStream(self, headers).responses(requests):
            yield message

    def start(
        self, message: InferMessage, headers: CallHeaders, send: Callable[[StreamMessage], object],
        end: Callable[[], object],
    ) -> PendingResponses:  # fmt: skip
        """Submit a request of a stream: its responses are sent, then its end is reported. Raises TensorError."""
        fields = message.fields
        served = self._models.route(fields.model_name, fields.model_version, headers)
        asked, given = parse_infer_request(message, served.name, self._regions, headers.forwarded)

        def receive(response: TensorResponse, is_final: bool) -> None:
            if not response.is_empty or given.wants_empty_final:
                send(self._message(served, asked, response, is_final=is_final))
            if is_final:
                end()

        return served.submit_tensors(asked.request, receive)

    async def wait_started(self) -> None:
        """Return when models of repositories are there."""
        await self._models.wait_started()

    def is_archive(self, message: InferMessage) -> bool:
        """Whether a request is for an archive."""
        return self._models.is_archive(message.fields.model_name)

    def rendered(self, served: ServedTensors, asked: InferRequest, response: TensorResponse) -> InferMessage:
        """The message of a response; raises TensorError for one that is an error, or that cannot be written."""
        if response.error is not None:
            raise response.error
        if response.is_empty:
            raise TensorError("the model gave no response", Code.INTERNAL)
        return response_message(asked, response, served.model.signature, served.model.version, self._regions)

    def _message(
        self, served: ServedTensors, asked: InferRequest, response: TensorResponse, *, is_final: bool
    ) -> StreamMessage:
        error, made = "", InferMessage(Response(model_name=served.name, id=asked.request.id))
        if not response.is_empty:
            try:
                made = self.rendered(served, asked, response)
            except TensorError as failure:
                error = failure.message
        made.fields.parameters[FINAL_RESPONSE].bool_param = is_final
        return StreamMessage(made, error)


class _InferStream:
    """One stream: requests that overlap, and the responses in the order in which they come."""

    def __init__(self, apis: InferenceApis, headers: CallHeaders) -> None:
        self._apis = apis
        self._headers = headers
        self._queue: asyncio.Queue[StreamMessage | None] = asyncio.Queue()
        self._pending: dict[object, PendingResponses] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._open = 1  # for the client, until it says that no more requests come

    async def responses(self, requests: AsyncIterator[InferMessage]) -> AsyncIterator[StreamMessage]:
        """Every response, until all requests have their last one."""
        self._keep(asyncio.create_task(self._read(requests)))
        try:
            while (message := await self._queue.get()) is not None:
                yield message
        finally:
            for task in self._tasks:
                task.cancel()
            for pending in self._pending.values():
                pending.cancel()

    def _send(self, message: StreamMessage) -> None:
        self._queue.put_nowait(message)

    def _close_one(self) -> None:
        """A request has its last response."""
        self._open -= 1
        if not self._open:
            self._queue.put_nowait(None)

    async def _read(self, requests: AsyncIterator[InferMessage]) -> None:
        try:
            await self._apis.wait_started()
            async for message in requests:
                self._start(message)
        finally:
            self._close_one()

    def _start(self, message: InferMessage) -> None:
        self._open += 1
        if self._apis.is_archive(message):
            self._keep(asyncio.create_task(self._ask_archive(message)))
            return
        key, is_ended = object(), False

        def end() -> None:
            nonlocal is_ended
            is_ended = True
            self._pending.pop(key, None)
            self._close_one()

        try:
            pending = self._apis.start(message, self._headers, self._send, end)
        except TensorError as error:
            self._fail(message, error.message)
            return
        except Exception as error:
            LOG.exception("A request of a stream failed.")
            self._fail(message, f"{type(error).__name__}: {error}")
            return
        if not is_ended:
            self._pending[key] = pending

    async def _ask_archive(self, message: InferMessage) -> None:
        try:
            response = await self._apis.archive_infer(message, self._headers)
        except Exception as error:  # whatever it is, it is answered in the stream
            self._fail(message, str(error))
            return
        response.fields.parameters[FINAL_RESPONSE].bool_param = True
        self._send(StreamMessage(response))
        self._close_one()

    def _fail(self, message: InferMessage, error: str) -> None:
        self._send(StreamMessage(InferMessage(Response(id=message.fields.id)), error))
        self._close_one()

    def _keep(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
