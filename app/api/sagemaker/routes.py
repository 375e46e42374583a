"""SageMaker's container contract: its ping, and the models that a multi-model endpoint loads, lists and unloads.

/invocations and /models/{model}/invoke are TorchServe's own, see app.api.inference. Source of the statuses: "Custom
Containers Contract for Multi-Model Endpoints" in SageMaker's developer guide.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.api.contract import Contract
from app.api.parameters import page_bounds, query, registration_parameters
from app.api.routing import ApiRoute
from app.errors import BadRequest
from app.http.responses import json_response, status_response
from app.model_server import ModelServer
from model_registry.errors import Conflict
from model_registry.model import Model
from model_registry.registration import Registration
from model_registry.registry import Registry

MAX_BATCH_MIB = 100
"""Calls of a batch transform at once, times the mebibytes of each: SageMaker allows no more."""
MIB = 1 << 20


async def ping(request: Request) -> Response:
    """Whether the model serves. Of several models one that fails does not count: all would end with the container."""
    server = ModelServer.of(request.scope)
    registry = server.registry
    is_healthy = registry.is_within_hung_limit
    if server.settings.sagemaker == "single-model":
        is_healthy = registry.is_ready and registry.is_healthy
    return status_response("Healthy" if is_healthy else "Unhealthy", 200 if is_healthy else 500)


async def load_model(request: Request) -> Response:
    """POST /models: load the archive in a folder; 409 if the name is taken, 507 if the memory does not suffice."""
    registry, parameters = ModelServer.of(request.scope).registry, await registration_parameters(request)
    name, url = parameters.get("model_name"), parameters.get("url")
    if not name or not url:
        raise BadRequest("The body needs model_name and url.")
    if (loaded := registry.get(name)) is not None:
        raise Conflict(name, loaded.default)
    await registry.register(Registration(url, name, wait=True))
    return json_response(_described(registry.model(name)))


async def list_models(request: Request) -> Response:
    """GET /models: a page of the loaded models."""
    models, following = _registry(request).page(*page_bounds(query(request)))
    more = {} if following is None else {"nextPageToken": str(following)}
    return json_response({"models": [_described(model) for model in models], **more})


async def describe_model(request: Request) -> Response:
    """GET /models/{name}: a loaded model."""
    return json_response(_described(_registry(request).model(request.path_params["model_name"])))


async def unload_model(request: Request) -> Response:
    """DELETE /models/{name}: answer what the model has accepted, and free its memory."""
    registry, name = _registry(request), request.path_params["model_name"]
    await registry.unregister(name)
    return status_response(f'Model "{name}" unregistered')


async def execution_parameters(request: Request) -> Response:
    """The advice to a batch transform: as many requests at once as fill the batches of all workers twice."""
    server = ModelServer.of(request.scope)
    payload = max(1, server.settings.max_request_size // MIB)
    wanted = sum(2 * each.config.min_workers * each.config.batch_size for each in server.registry.versions())
    calls = max(1, min(wanted, MAX_BATCH_MIB // payload))
    return json_response(
        {"MaxConcurrentTransforms": calls, "BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": payload}
    )


def _registry(request: Request) -> Registry:
    return ModelServer.of(request.scope).registry


def _described(model: Model) -> dict[str, Any]:
    return {"modelName": model.name, "modelUrl": model.choose().archive.url}


routes = [
    ApiRoute("/ping", ping, "GET"),
    ApiRoute("/execution-parameters", execution_parameters, "GET", contract=Contract("Object")),
]
multi_model_routes = [
    ApiRoute("/models", load_model, "POST"),
    ApiRoute("/models", list_models, "GET"),
    ApiRoute("/models/{model_name}", describe_model, "GET"),
    ApiRoute("/models/{model_name}", unload_model, "DELETE"),
]
