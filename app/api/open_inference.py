"""The Open Inference Protocol for archives: metadata and readiness; predictions are those of the inference API."""

from typing import NoReturn

from starlette.requests import Request
from starlette.responses import Response

from app.api import inference
from app.api.contract import Contract
from app.api.routing import ApiRoute
from app.errors import BadRequest
from app.http.responses import TorchServeResponse
from app.model_server import ModelServer
from app.open_inference.archives import describe_tensors
from app.open_inference.errors import raw_error, raw_json
from handler.tensors.errors import TensorError
from model_registry.version import ModelVersion


async def model_ready(request: Request) -> Response:
    """Whether a version has the workers that it should have: 200, or 503."""
    version = await _find(request)
    is_ready = version.pool.ready_count >= max(1, version.config.min_workers)
    return TorchServeResponse(raw_json({"name": version.name, "ready": is_ready}, 200 if is_ready else 503))


async def model_metadata(request: Request) -> Response:
    """The versions of a model, and its tensors as far as they are known."""
    version = await _find(request)
    model = ModelServer.of(request.scope).registry.model(version.name)
    versions = list(model.versions) if request.path_params.get("version") is None else [version.version]
    described = {"name": version.name, "versions": versions, "platform": "archive"}
    try:
        return TorchServeResponse(raw_json({**described, **await describe_tensors(version)}))
    except TensorError as error:
        return TorchServeResponse(raw_error(error, is_json=True))


async def infer(request: Request) -> Response:
    """A prediction."""
    request.path_params["model_name"] = request.path_params["model"]
    request.path_params["model_version"] = request.path_params.get("version")
    return await inference.infer_v2(request)


async def refuse(request: Request) -> NoReturn:
    """Calls for which an archive has nothing."""
    name = request.path_params["model"]
    raise BadRequest(f"Model {name} is an archive, and not of a model repository: GET /models/{name} describes it.")


async def _find(request: Request) -> ModelVersion:
    parameters = request.path_params
    return await ModelServer.of(request.scope).registry.find(parameters["model"], parameters.get("version"))


_VERSION = "/v2/models/{model}/versions/{version}"
routes = [
    ApiRoute("/v2/models/{model}", model_metadata, contract=Contract("Object")),
    ApiRoute("/v2/models/{model}/ready", model_ready, contract=Contract("Ready")),
    ApiRoute(_VERSION, model_metadata, contract=Contract("Object")),
    ApiRoute(f"{_VERSION}/ready", model_ready, contract=Contract("Ready")),
    ApiRoute(f"{_VERSION}/infer", infer, contract=Contract("", body="")),
]
