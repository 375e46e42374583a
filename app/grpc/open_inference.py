"""KServe's Open Inference Protocol over gRPC, for archives."""

from typing import Any

from app.api.health import METADATA
from app.errors import BadRequest
from app.grpc.inference import predict, whole
from app.grpc.messages import OPEN_INFERENCE, message
from app.http.request import new_request_id
from app.open_inference.archives import describe_config, describe_statistics, describe_tensors
from handler.job import Input, Part
from model_registry.registry import Registry


class OpenInferenceApis:
    """Answers the calls of the protocol, with the messages of one of the packages that have them."""

    _has_plain_strings = False

    def __init__(self, registry: Registry, package: str = OPEN_INFERENCE) -> None:
        self._registry = registry
        self._package = package

    async def server_live(self, request: Any) -> Any:
        """Whether a restart would help."""
        return message(self._package, "ServerLiveResponse")(live=self._registry.is_within_hung_limit)

    async def server_ready(self, request: Any) -> Any:
        """Whether the start-up models are loaded; TorchServe always says so."""
        return message(self._package, "ServerReadyResponse")(ready=self._registry.is_ready)

    async def server_metadata(self, request: Any) -> Any:
        """The metadata of /v2; TorchServe does not implement this one."""
        metadata = {"name": METADATA["name"], "version": METADATA["version"], "extensions": METADATA["extenstion"]}
        return message(self._package, "ServerMetadataResponse")(**metadata)

    async def model_ready(self, request: Any) -> Any:
        """Whether a model has the workers that it should have."""
        if not request.name:
            raise BadRequest("Parameter name is required.")
        version = await self._registry.find(request.name, request.version or None)
        ready = version.pool.ready_count >= version.config.min_workers
        return message(self._package, "ModelReadyResponse")(ready=ready)

    async def model_metadata(self, request: Any) -> Any:
        """The versions of a model, and its tensors where it declares some."""
        if not request.name:
            raise BadRequest("Parameter model_name is required.")
        version = await self._registry.find(request.name, request.version or None)
        versions = self._registry.model(request.name).versions
        tensors = await describe_tensors(version)
        return message(self._package, "ModelMetadataResponse")(name=request.name, versions=versions, **tensors)

    async def config(self, request: Any) -> dict[str, Any]:
        """The configuration of a model, as clients of model repositories read it; raises TensorError."""
        return await describe_config(await self._registry.find(request.name, request.version or None))

    async def statistics(self, request: Any) -> dict[str, Any]:
        """The statistics of a model's requests of tensors; raises TensorError where it declares none."""
        return await describe_statistics(await self._registry.find(request.name, request.version or None))

    async def model_infer(self, request: Any) -> Any:
        """A prediction: the handler gets the JSON body that the same request has over HTTP."""
        from app.grpc.tensors import body_of, response_of

        given = Input((Part("body", "application/json", body_of(request)),))
        answer = await whole(await predict(self._registry, request, given, new_request_id()))
        response_class = message(self._package, "ModelInferResponse")
        return response_of(answer, response_class, has_plain_strings=self._has_plain_strings)
