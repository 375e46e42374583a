"""What every gRPC call passes: the token, the translation of errors, the counters and the access log."""

import logging
import re
from asyncio import CancelledError
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any
from urllib.parse import unquote

import grpc

from app.errors import UNKNOWN, wire
from app.grpc.errors import failure
from app.grpc.messages import CLASSES, methods
from app.http.address import Guard
from app.http.request import Call
from app.logging.access_log import AccessLog, Client
from handler.metrics.server_metrics import Metrics

LOG = logging.getLogger("marserve.grpc")
PREDICTING = {"Predictions", "StreamPredictions", "StreamPredictions2", "ModelInfer"}
GONE = 499
"""The status, among those of HTTP, of a call that its client gave up."""
PEER = re.compile(r"ipv[46]:\[?(?P<host>.+?)\]?:(?P<port>\d+)")


class Edge:
    """Lets the calls of one API in. `path` is where HTTP has that API, which decides about the token that is needed."""

    def __init__(self, path: str, guard: Guard, metrics: Metrics, log: AccessLog) -> None:
        self._path = path
        self._guard = guard
        self._metrics = metrics
        self._log = log

    def __repr__(self) -> str:
        return f"<Edge {self._path}>"

    def handler(self, service: str, answers: Any) -> grpc.GenericRpcHandler:
        """The methods of a service, for a server: each is answered by the method of that name of `answers`.

        Those take a request, or an iterator of requests, and its Call, and return a response, or yield responses.
        """
        handlers = {method.name: self._method(service, method, answers) for method in methods(service)}
        return grpc.method_handlers_generic_handler(service, handlers)

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
            async with self._let_in(path, context) as call:
                return await answer(request, call)

        return answered

    def _streamed(self, path: str, answer: Any) -> Callable[..., Any]:
        async def answered(requests: Any, context: Any) -> AsyncIterator[Any]:
            async with self._let_in(path, context) as call:
                async for response in answer(requests, call):
                    yield response

        return answered

    @asynccontextmanager
    async def _let_in(self, path: str, context: Any) -> AsyncIterator[Call]:
        began, call = perf_counter(), self._call(path, context)
        try:
            self._guard(call)
            yield call
        except Exception as error:
            if wire(error) is UNKNOWN:
                LOG.error("%s failed.", path, exc_info=error)
            told = failure(error, predicting=path.rpartition("/")[2] in PREDICTING)
            self._note(call, told.status, told.code, began)
            await context.abort(told.code, told.details)
        except (CancelledError, GeneratorExit):
            self._note(call, GONE, grpc.StatusCode.CANCELLED, began)
            raise
        else:
            self._note(call, 200, grpc.StatusCode.OK, began)

    def _note(self, call: Call, status: int, code: grpc.StatusCode, began: float) -> None:
        """Count and log a call; before it is answered, so that a client finds itself counted."""
        self._metrics.record_status(status)
        self._log.write(call.client, call.method, call.target, call.http_version, code.value[0], began)

    def _call(self, path: str, context: Any) -> Call:
        sent = context.invocation_metadata() or ()
        lines = [(b"authorization", value.encode()) for name, value in sent if name == "authorization"]
        return Call(
            "gRPC",
            self._path,
            b"",
            lines,
            b"",
            target=path.encode(),
            http_version="2.0",
            client=_client(context.peer()),
        )


def _client(peer: str) -> Client:
    """Host and port of "ipv4:127.0.0.1:5000" or "ipv6:%5B::1%5D:5000"."""
    match = PEER.fullmatch(unquote(peer))
    return (match["host"], int(match["port"])) if match else None


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
