"""KServe's Open Inference Protocol over gRPC, under TorchServe's name for it and under KServe's."""

from typing import Any

from app.api.health import METADATA
from app.errors import BadRequest
from app.grpc.inference import predict, whole
from app.grpc.messages import OPEN_INFERENCE, message
from app.http.request import new_request_id
from handler.job import Input, Part
from model_registry.registry import Registry

SERVICES = (f"{OPEN_INFERENCE}.GRPCInferenceService", "inference.GRPCInferenceService")


class OpenInferenceApis:
    """Answers the calls of the protocol."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def server_live(self, request: Any) -> Any:
        """Whether a restart would help."""
        return message(OPEN_INFERENCE, "ServerLiveResponse")(live=self._registry.is_within_hung_limit)

    async def server_ready(self, request: Any) -> Any:
        """Whether the start-up models are loaded; TorchServe always says so."""
        return message(OPEN_INFERENCE, "ServerReadyResponse")(ready=self._registry.is_ready)

    async def server_metadata(self, request: Any) -> Any:
        """The metadata of /v2; TorchServe does not implement this one."""
        metadata = {"name": METADATA["name"], "version": METADATA["version"], "extensions": METADATA["extenstion"]}
        return message(OPEN_INFERENCE, "ServerMetadataResponse")(**metadata)

    async def model_ready(self, request: Any) -> Any:
        """Whether a model has the workers that it should have."""
        if not request.name:
            raise BadRequest("Parameter name is required.")
        version = await self._registry.find(request.name, request.version or None)
        ready = version.pool.ready_count >= version.config.min_workers
        return message(OPEN_INFERENCE, "ModelReadyResponse")(ready=ready)

    async def model_metadata(self, request: Any) -> Any:
        """The versions of a model; of its tensors an archive says nothing."""
        if not request.name:
            raise BadRequest("Parameter model_name is required.")
        await self._registry.find(request.name, request.version or None)
        versions = self._registry.model(request.name).versions
        return message(OPEN_INFERENCE, "ModelMetadataResponse")(name=request.name, versions=versions)

    async def model_infer(self, request: Any) -> Any:
        """A prediction: the handler gets the JSON body that the same request has over HTTP."""
        from app.grpc.tensors import body_of, response_of

        given = Input((Part("body", "application/json", body_of(request)),))
        return response_of(await whole(await predict(self._registry, request, given, new_request_id())))
