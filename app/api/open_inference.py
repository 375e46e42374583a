"""The Open Inference Protocol for archives: metadata and readiness; predictions are those of the inference API."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.api import inference
from app.api.contract import Contract
from app.api.routing import ApiRoute
from app.http.responses import RawResponse, TorchServeResponse
from app.model_server import ModelServer
from app.open_inference.archives import (
    PLATFORM,
    declared_tensors,
    describe_config,
    describe_statistics,
    describe_tensors,
    find_tensors,
)
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
    described = {"name": version.name, "versions": versions, "platform": PLATFORM}
    try:
        return TorchServeResponse(raw_json({**described, **await describe_tensors(version)}))
    except TensorError as error:
        return TorchServeResponse(raw_error(error, is_json=True))


async def infer(request: Request) -> Response:
    """A prediction."""
    request.path_params["model_name"] = request.path_params["model"]
    request.path_params["model_version"] = request.path_params.get("version")
    return await inference.infer_v2(request)


async def model_config(request: Request) -> Response:
    """The configuration of a version, as clients of model repositories read it."""
    return await _answered(request, _config)


async def model_statistics(request: Request) -> Response:
    """The statistics of the requests of tensors to a version."""
    return await _answered(request, _statistics)


async def generate(request: Request) -> Response:
    """One JSON object in, and one out, whose members are tensors."""
    return await _answered(request, _generated)


async def generate_stream(request: Request) -> Response:
    """The same as a stream of server-sent events."""
    return await _answered(request, _events)


async def _answered(
    request: Request, answer: Callable[[ModelVersion, Request], Awaitable[RawResponse | TorchServeResponse]]
) -> Response:
    version = await _find(request)
    try:
        response = await answer(version, request)
    except TensorError as error:
        response = raw_error(error, is_json=True)
    return TorchServeResponse(response) if isinstance(response, RawResponse) else response


async def _config(version: ModelVersion, request: Request) -> RawResponse:
    return raw_json(await describe_config(version))


async def _statistics(version: ModelVersion, request: Request) -> RawResponse:
    return raw_json({"model_stats": [await describe_statistics(version)]})


async def _generated(version: ModelVersion, request: Request) -> RawResponse | TorchServeResponse:
    from app.open_inference.generation import generate_once  # numpy comes with it

    return await generate_once(await _asked(version, request), request)


async def _events(version: ModelVersion, request: Request) -> RawResponse | TorchServeResponse:
    from app.open_inference.generation import generate_events  # numpy comes with it

    return await generate_events(await _asked(version, request), request)


async def _asked(version: ModelVersion, request: Request) -> Any:
    """The version of tensors that answers a request: traffic rules choose where its path names none."""
    await declared_tensors(version)
    registry, number = ModelServer.of(request.scope).registry, request.path_params.get("version")
    client = request.client.host if request.client else None
    return await find_tensors(registry, version.name, number, request.headers.items(), client, request.body)


async def _find(request: Request) -> ModelVersion:
    parameters = request.path_params
    return await ModelServer.of(request.scope).registry.find(parameters["model"], parameters.get("version"))


routes = [
    route
    for path in ("/v2/models/{model}", "/v2/models/{model}/versions/{version}")
    for route in (
        ApiRoute(path, model_metadata, contract=Contract("Object")),
        ApiRoute(f"{path}/ready", model_ready, contract=Contract("Ready")),
        ApiRoute(f"{path}/config", model_config, contract=Contract("Object")),
        ApiRoute(f"{path}/stats", model_statistics, contract=Contract("Object")),
        ApiRoute(f"{path}/generate", generate, contract=Contract("Object", body="Object")),
        ApiRoute(f"{path}/generate_stream", generate_stream, contract=Contract("", body="Object")),
    )
]
routes.append(ApiRoute("/v2/models/{model}/versions/{version}/infer", infer, contract=Contract("", body="")))
