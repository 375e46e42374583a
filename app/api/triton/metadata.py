"""Health and metadata: of the server, and of models."""

from typing import Any

from starlette.requests import Request

from app.api.triton.repositories import repositories_of, triton_settings
from app.api.triton.routing import version_number
from app.http.responses import RawResponse
from app.open_inference.errors import raw_empty, raw_json, raw_message
from app.settings.triton import VERSION
from model_registry.triton.config.config_forms import json_of_config
from model_registry.triton.config.datatypes import datatype_in
from model_registry.triton.config.signatures import metadata_shape

EXTENSIONS = [
    "classification", "sequence", "model_repository", "model_repository(unload_dependents)", "schedule_policy",
    "model_configuration", "system_shared_memory", "cuda_shared_memory", "binary_tensor_data", "parameters",
    "statistics", "trace", "logging",
]  # fmt: skip
NOT_READY = "Model version not ready"


async def live(request: Request) -> RawResponse:
    """The server answers."""
    return raw_empty()


async def ready(request: Request) -> RawResponse:
    """Whether every model that was asked for serves."""
    return raw_empty(200 if repositories_of(request).is_ready else 400)


async def model_ready(request: Request) -> RawResponse:
    """Whether a version serves."""
    if repositories_of(request).is_model_ready(request.path_params["model"], version_number(request)):
        return raw_empty()
    return raw_message(NOT_READY, 400, is_json=False)


async def server_metadata(request: Request) -> RawResponse:
    """The name of the server, and what it can do."""
    return raw_json(server_description(triton_settings(request).server_id))


def server_description(server_id: str) -> dict[str, Any]:
    """The server as clients see it."""
    return {"name": server_id, "version": VERSION, "extensions": EXTENSIONS}


async def model_metadata(request: Request) -> RawResponse:
    """The versions, inputs and outputs of a model."""
    name, number = request.path_params["model"], version_number(request)
    return raw_json(model_description(repositories_of(request), name, number))


def model_description(repositories: Any, name: str, number: int) -> dict[str, Any]:
    """A model as clients see it; raises TensorError."""
    served = repositories.find(name, number)
    config = served.model.config
    state = repositories.states.get(name)
    versions = [served.version] if number >= 0 else [str(each) for each in state.ready()]
    return {
        "name": name,
        "versions": versions,
        "platform": config.platform or config.backend,
        "inputs": [_described(config, tensor) for tensor in config.input],
        "outputs": [_described(config, tensor) for tensor in config.output],
    }


async def model_config(request: Request) -> RawResponse:
    """The completed configuration of a model."""
    served = repositories_of(request).find(request.path_params["model"], version_number(request))
    return raw_json(json_of_config(served.model.config))


def _described(config: Any, tensor: Any) -> dict[str, Any]:
    datatype = datatype_in(config, tensor)
    assert datatype is not None
    return {"name": tensor.name, "datatype": datatype.name, "shape": metadata_shape(config, tensor)}
