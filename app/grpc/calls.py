"""The edge of every gRPC call: the token, the translation of errors, the counters and the access log."""

import logging
import re
from asyncio import CancelledError
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any

import grpc

from app.errors import is_expected
from app.grpc.errors import Failure, failure
from app.grpc.messages import CLASSES, methods
from app.grpc.routing import client_of, current_context
from app.model_server import ModelServer
from app.tracing.trace_context import TRACEPARENT
from app.tracing.tracer import TracedCall, current_call

LOG = logging.getLogger("marserve.grpc")
PREDICTION_METHODS = {"Predictions", "StreamPredictions", "StreamPredictions2", "ModelInfer"}
CANCELLED_STATUS = 499
"""The HTTP status that stands for a call which its client cancelled."""


class Edge:
    """Lets authorized calls of one API in, and counts, logs and translates what becomes of them."""

    def __init__(self, api: str, server: ModelServer) -> None:
        self._api = api
        self._server = server

    def __repr__(self) -> str:
        return f"<Edge of {self._api}>"

    def handler(self, service: str, answers: Any) -> grpc.GenericRpcHandler:
        """The methods of a service, for a server: each is answered by the method of that name of `answers`.

        Those take a request, or an iterator of requests, and return a response, or yield responses.
        """
        return grpc.method_handlers_generic_handler(service, self.methods(service, answers))

    def methods(self, service: str, *answers: Any) -> dict[str, grpc.RpcMethodHandler]:
        """The methods of a service that one of `answers` has, by their names."""
        return {
            method.name: self._method(service, method, each)
            for method in methods(service)
            for each in answers
            if hasattr(each, _snake(method.name))
        }

    def _method(self, service: str, method: Any, answers: Any) -> grpc.RpcMethodHandler:
        path, answer = f"{service}/{method.name}", getattr(answers, _snake(method.name))
        reader = CLASSES[method.input_type.full_name].FromString
        writer = CLASSES[method.output_type.full_name].SerializeToString
        if not method.server_streaming:
            return grpc.unary_unary_rpc_method_handler(self._whole(path, answer), reader, writer)
        shape = (
            grpc.stream_stream_rpc_method_handler if method.client_streaming else grpc.unary_stream_rpc_method_handler
        )
        return shape(self._streamed(path, answer), reader, writer)

    def _whole(self, path: str, answer: Any) -> Callable[..., Any]:
        async def answered(request: Any, context: Any) -> Any:
            async with self._let_in(path, context):
                return await answer(request)

        return answered

    def _streamed(self, path: str, answer: Any) -> Callable[..., Any]:
        async def answered(requests: Any, context: Any) -> AsyncIterator[Any]:
            async with self._let_in(path, context):
                async for response in answer(requests):
                    yield response

        return answered

    @asynccontextmanager
    async def _let_in(self, path: str, context: Any) -> AsyncIterator[None]:
        started = perf_counter()
        try:
            self._check(path, context)
            current_context.set(context)
            if self._server.tracer is not None:
                current_call.set(TracedCall(self._server.tracer, _sent(context, TRACEPARENT), f"gRPC /{path}"))
            yield
        except Exception as error:
            if not is_expected(error):
                LOG.error("%s failed.", path, exc_info=error)
            translated = self._failure(error, path)
            self._record(path, context, translated.status, translated.code, started)
            await context.abort(translated.code, translated.details)
        except (CancelledError, GeneratorExit):
            self._record(path, context, CANCELLED_STATUS, grpc.StatusCode.CANCELLED, started)
            raise
        else:
            self._record(path, context, 200, grpc.StatusCode.OK, started)

    def _check(self, path: str, context: Any) -> None:
        self._check_token(self._api, context)

    def _check_token(self, api: str, context: Any) -> None:
        self._server.access_policy.check(api, _sent(context, "authorization"))

    def _failure(self, error: Exception, path: str) -> Failure:
        return failure(error, predicting=path.rpartition("/")[2] in PREDICTION_METHODS)

    def _record(self, path: str, context: Any, status: int, code: grpc.StatusCode, started: float) -> None:
        """Count and log a call before it is answered, so that a client finds itself counted."""
        self._server.metrics.record_status(status)
        client = client_of(context.peer())
        self._server.logs.access.write(client, "gRPC", path.encode(), "2.0", code.value[0], started)


def _sent(context: Any, name: str) -> str:
    """The first value of that name that came with a call, "" without one."""
    sent = context.invocation_metadata() or ()
    return next((str(value) for key, value in sent if key == name), "")


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
