"""The service as a whole, and the edge that its calls come in by."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import grpc

from app.api.triton.restrictions import MANAGEMENT_APIS
from app.grpc.calls import Edge
from app.grpc.errors import Failure, failure
from app.grpc.messages import TRITON, TRITON_SERVICE
from app.grpc.open_inference import OpenInferenceApis
from app.grpc.triton.inference import InferenceApis
from app.grpc.triton.live_apis import LiveApis
from app.grpc.triton.lookup import CallHeaders, ModelLookup
from app.grpc.triton.raw_contents import read_request, write_response, write_stream_response
from app.grpc.triton.server_apis import ServerApis
from app.model_server import ModelServer
from handler.tensors.errors import Code, TensorError

HEADER = "triton-grpc-protocol-"
APIS = {
    "health": ("ServerLive", "ServerReady", "ModelReady"),
    "metadata": ("ServerMetadata", "ModelMetadata"),
    "inference": ("ModelInfer", "ModelStreamInfer"),
    "shared-memory": tuple(
        f"{kind}SharedMemory{call}" for kind in ("System", "Cuda") for call in ("Status", "Register", "Unregister")
    ),
    "model-config": ("ModelConfig",),
    "model-repository": ("RepositoryIndex", "RepositoryModelLoad", "RepositoryModelUnload"),
    "statistics": ("ModelStatistics",),
    "trace": ("TraceSetting",),
    "logging": ("LogSettings",),
}
"""The calls of each group of APIs that can be restricted."""
GROUPS = {call: api for api, calls in APIS.items() for call in calls}
CODES = {
    Code.UNKNOWN: grpc.StatusCode.UNKNOWN,
    Code.INTERNAL: grpc.StatusCode.INTERNAL,
    Code.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Code.INVALID_ARG: grpc.StatusCode.INVALID_ARGUMENT,
    Code.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    Code.UNSUPPORTED: grpc.StatusCode.UNIMPLEMENTED,
    Code.ALREADY_EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    Code.CANCELLED: grpc.StatusCode.CANCELLED,
}


class TritonEdge(Edge):
    """Lets calls in that are not restricted, and translates errors as Triton does."""

    def __init__(self, server: ModelServer) -> None:
        super().__init__("inference", server)
        settings = server.settings.triton
        self._is_alone = settings is not None and settings.is_alone
        self._restrictions: Mapping[str, tuple[str, str]] = settings.grpc_restrictions if settings is not None else {}
        self._pattern = settings.grpc_forwarded if settings is not None else None

    def triton_handler(self) -> grpc.GenericRpcHandler:
        """The whole service, for a server."""
        server, models = self._server, ModelLookup(self._server)
        archives = self._archives()
        inference = InferenceApis(models, server.live_settings.shared_memory, archives)
        answers = (ServerApis(models, server.settings.triton, archives), LiveApis(models, server.live_settings))
        handlers = self.methods(TRITON_SERVICE, *answers)
        handlers["ModelInfer"] = grpc.unary_unary_rpc_method_handler(
            self._infer(inference), read_request, write_response
        )
        handlers["ModelStreamInfer"] = grpc.stream_stream_rpc_method_handler(
            self._stream_infer(inference), read_request, write_stream_response
        )
        return grpc.method_handlers_generic_handler(TRITON_SERVICE, handlers)

    def _archives(self) -> OpenInferenceApis:
        return OpenInferenceApis(self._server.registry, TRITON)

    def _infer(self, apis: InferenceApis) -> Callable[..., Any]:
        path = f"{TRITON_SERVICE}/ModelInfer"

        async def answered(message: Any, context: Any) -> Any:
            async with self._let_in(path, context):
                return await apis.model_infer(message, self._headers(context))

        return answered

    def _stream_infer(self, apis: InferenceApis) -> Callable[..., Any]:
        path = f"{TRITON_SERVICE}/ModelStreamInfer"

        async def answered(requests: Any, context: Any) -> AsyncIterator[Any]:
            async with self._let_in(path, context):
                async for message in apis.model_stream_infer(requests, self._headers(context)):
                    yield message

        return answered

    def _check(self, path: str, context: Any) -> None:
        group = GROUPS[path.rpartition("/")[2]]
        if not self._is_alone:
            self._check_token("management" if group in MANAGEMENT_APIS else "inference", context)
        name, value = self._restrictions.get(group, ("", ""))
        if name:
            key = f"{HEADER}{name}"
            if dict(context.invocation_metadata() or ()).get(key.lower()) != value:
                raise TensorError(f"This protocol is restricted, expecting header '{key}'", Code.UNAVAILABLE)

    def _failure(self, error: Exception, path: str) -> Failure:
        if isinstance(error, TensorError):
            return Failure(failure(error, predicting=False).status, CODES[error.code], error.message, "")
        return super()._failure(error, path)

    def _record(self, path: str, context: Any, status: int, code: grpc.StatusCode, started: float) -> None:
        if not self._is_alone:
            super()._record(path, context, status, code, started)

    def _headers(self, context: Any) -> CallHeaders:
        def sent() -> list[tuple[str, str]]:
            return [(name, _text(value)) for name, value in context.invocation_metadata() or ()]

        pattern = self._pattern
        forwarded = {name: text for name, text in sent() if pattern.fullmatch(name)} if pattern else {}
        return CallHeaders(sent, forwarded, context.peer)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")
