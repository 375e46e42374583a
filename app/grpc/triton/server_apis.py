"""Health, metadata, configurations, statistics, and the repository API over gRPC."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.json_format import ParseDict

from app.api.triton.metadata import model_description, server_description
from app.api.triton.repositories import FILE, described
from app.api.triton.statistics import all_versions, statistics_of, versions_of
from app.grpc.messages import TRITON, message
from app.grpc.open_inference import OpenInferenceApis
from app.grpc.triton.lookup import ModelLookup, version_of
from app.settings.triton import TritonSettings
from handler.tensors.errors import Code, TensorError
from model_registry.triton.repository import Override


class ServerApis:
    """Answers all calls but those of inference and of settings; those for archives are passed on to `archives`."""

    def __init__(self, models: ModelLookup, settings: TritonSettings | None, archives: OpenInferenceApis) -> None:
        self._models = models
        self._settings = settings
        self._archives = archives

    async def server_live(self, request: Any) -> Any:
        """Whether a restart would help."""
        return await self._archives.server_live(request)

    async def server_ready(self, request: Any) -> Any:
        """Whether all models that were asked for serve."""
        response = await self._archives.server_ready(request)
        if self._settings is not None:
            response.ready = response.ready and self._models.repositories.is_ready
        return response

    async def server_metadata(self, request: Any) -> Any:
        """The name of the server, and what it can do."""
        if self._settings is None:
            return await self._archives.server_metadata(request)
        return _made("ServerMetadataResponse", server_description(self._settings.server_id))

    async def model_ready(self, request: Any) -> Any:
        """Whether a version serves; one that is not there does not."""
        await self._models.wait_started()
        if self._models.is_archive(request.name):
            return await self._archives.model_ready(request)
        ready = self._models.repositories.is_model_ready(request.name, version_of(request.version))
        return _made("ModelReadyResponse", {"ready": ready})

    async def model_metadata(self, request: Any) -> Any:
        """The versions, inputs and outputs of a model."""
        await self._models.wait_started()
        if self._models.is_archive(request.name):
            return await self._archives.model_metadata(request)
        found = model_description(self._models.repositories, request.name, version_of(request.version))
        return _made("ModelMetadataResponse", found)

    async def model_config(self, request: Any) -> Any:
        """The configuration of a version."""
        await self._models.wait_started()
        if self._models.is_archive(request.name):
            return _made("ModelConfigResponse", {"config": await self._archives.config(request)})
        served = self._models.find(request.name, request.version)
        response = message(TRITON, "ModelConfigResponse")()
        response.config.ParseFromString(served.model.config.SerializeToString())
        return response

    async def model_statistics(self, request: Any) -> Any:
        """The statistics of one model or of all."""
        await self._models.wait_started()
        if request.name and self._models.is_archive(request.name):
            return _made("ModelStatisticsResponse", {"model_stats": [await self._archives.statistics(request)]})
        repositories = self._models.repositories
        number = version_of(request.version)
        found = versions_of(repositories, request.name, number) if request.name else all_versions(repositories)
        return _made("ModelStatisticsResponse", {"model_stats": [statistics_of(each) for each in found]})

    async def repository_index(self, request: Any) -> Any:
        """The models of the repositories with their states."""
        _check_repository(request)
        entries = self._models.repositories.index(only_ready=request.ready)
        return _made("RepositoryIndexResponse", {"models": [described(entry) for entry in entries]})

    async def repository_model_load(self, request: Any) -> Any:
        """Load a model; the answer comes when it serves."""
        _check_repository(request)
        await self._models.repositories.load_model(request.model_name, _override(request.parameters))
        return _made("RepositoryModelLoadResponse", {})

    async def repository_model_unload(self, request: Any) -> Any:
        """Unload a model; the answer comes at once."""
        _check_repository(request)
        dependents = False
        if "unload_dependents" in request.parameters:
            dependents = _value(request.parameters, "unload_dependents", "bool_param", "")
        await self._models.repositories.unload_model(request.model_name, unload_dependents=dependents)
        return _made("RepositoryModelUnloadResponse", {})


def _made(name: str, values: Mapping[str, Any]) -> Any:
    return ParseDict(values, message(TRITON, name)())


def _check_repository(request: Any) -> None:
    if request.repository_name:
        raise TensorError("'repository_name' specification is not supported", Code.UNSUPPORTED)


def _override(parameters: Mapping[str, Any]) -> Override | None:
    if not parameters:
        return None
    config, files = "", {}
    for name in parameters:
        if name == "config":
            config = _value(parameters, name, "string_param", "load ")
        elif name.startswith(FILE):
            files[name.removeprefix(FILE)] = _value(parameters, name, "bytes_param", "load ")
        else:
            raise TensorError(f"unrecognized load parameter '{name}'.")
    return Override(config, files)


def _value(parameters: Mapping[str, Any], name: str, kind: str, what: str) -> Any:
    parameter = parameters[name]
    if parameter.WhichOneof("parameter_choice") != kind:
        about = f"{what}parameter '{name}'" if what else f"'{name}' parameter"
        raise TensorError(f"invalid value type for {about}, expected {kind}.")
    return getattr(parameter, kind)
