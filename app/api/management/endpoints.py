"""The management API: register, list, describe, scale, choose the default, unregister."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from app.api.contract import ALIAS, Contract, Parameter
from app.api.management import models
from app.api.management.description import DESCRIBE
from app.api.management.ignored_parameters import remark
from app.api.openapi import MODEL, PAGE, VERSION, document, operation, parameter
from app.api.parameters import query, registration_parameters
from app.api.routing import ApiRoute
from app.errors import BadRequest, MethodNotAllowed
from app.http.responses import (
    TorchServeResponse,
    json_response,
    json_text,
    output_response,
    status_response,
)
from app.http.scope import handler_headers, keeps_spelling
from app.model_server import ModelServer
from app.replicas.following import wait_for_replicas
from model_registry.registry import Registry

WAIT_SECONDS = 60.0
"""Time for all replicas to take over a change, where a request wants that."""


async def list_models(request: Request) -> Response:
    """GET /models."""
    return json_response(models.list_models(await _registry(request), query(request)))


async def register_model(request: Request) -> Response:
    """POST /models."""
    registry = await _registry(request)
    parameters = await registration_parameters(request)
    if "url" not in parameters:
        raise BadRequest(f"Parameter url is required.{_remark(request, REGISTRATION)}")
    return await _confirmed(request, await models.register_model(registry, parameters), REGISTRATION)


async def describe_model(request: Request) -> Response:
    """GET /models/{name} and /models/{name}/{version}."""
    registry, name, version = await _registry(request), *_names(request)
    if query(request).get("customized", "").lower() != "true" or version == "all":
        return json_response(models.describe_model(registry, name, version))
    headers, case_known = handler_headers(request, DESCRIBE), keeps_spelling(request.scope)
    described, output = await models.describe_customized(
        registry, name, version, headers, request.state.request_id, case_known=case_known
    )
    own = {name.lower(): value for name, value in output.headers}
    all_headers = tuple({"content-type": "application/json", **own}.items())
    return TorchServeResponse(output_response(output._replace(body=json_text(described), headers=all_headers)))


async def scale_workers(request: Request) -> Response:
    """PUT /models/{name} and /models/{name}/{version}."""
    registry, name, version = await _registry(request), *_names(request)
    return await _confirmed(request, await models.scale_workers(registry, name, version, query(request)), WORKERS)


async def unregister_model(request: Request) -> Response:
    """DELETE /models/{name} and /models/{name}/{version}."""
    return await _confirmed(request, await models.unregister_model(await _registry(request), *_names(request)))


async def set_default(request: Request) -> Response:
    """PUT /models/{name}/{version}/set-default."""
    registry, name, version = await _registry(request), *_names(request)
    return await _confirmed(request, await models.set_default(registry, name, str(version)))


async def describe_operations(request: Request) -> Response:
    """OPTIONS on a model: describe its operations."""
    (await _registry(request)).resolve(*_names(request))
    return json_response(document(_model_routes(enabled=True)))


async def refuse(request: Request) -> Response:
    """Registering and unregistering, where the model API is not enabled."""
    raise MethodNotAllowed


async def model_ready(request: Request) -> Response:
    """KServe's GET /v1/models/{name}: whether the model can serve."""
    name = request.path_params["name"].partition(":")[0]
    version = (await _registry(request)).resolve(name)
    return json_response({"name": name, "ready": bool(version.pool.workers)})


async def _confirmed(
    request: Request, confirmation: models.Confirmation, parameters: Sequence[Parameter] = ()
) -> Response:
    """The response to a change, when all replicas have it, if the request says `wait=fleet`."""
    server = ModelServer.of(request.scope)
    await wait_for_replicas(server.registry, server.settings, query(request).get("wait"), WAIT_SECONDS)
    return status_response(confirmation.text + _remark(request, parameters), confirmation.status)


def _remark(request: Request, parameters: Sequence[Parameter]) -> str:
    """A remark on parameters that count for nothing; TorchServe's addresses have none."""
    return remark(query(request), parameters) if ModelServer.of(request.scope).settings.one_port else ""


async def _registry(request: Request) -> Registry:
    """The registry, when the start-up models are registered."""
    registry = ModelServer.of(request.scope).registry
    await registry.started.wait()
    return registry


def _names(request: Request) -> tuple[str, str | None]:
    """The model that a path names, and the version if it names one."""
    return request.path_params["model_name"], request.path_params.get("model_version")


WORKERS = [
    parameter("min_worker", "query", "How many workers there should be.", "integer"),
    parameter("max_worker", "query", "The ceiling that is shown; min_worker if left out.", "integer"),
    parameter("synchronous", "query", "Answer only when the workers have loaded.", "boolean"),
]
REGISTRATION = [
    parameter("url", "query", "Archive: a name in the model store, or an allowed URL.", required=True),
    parameter("model_name", "query", "Name, instead of the manifest's."),
    parameter("handler", "query", "Handler, instead of the manifest's."),
    parameter("runtime", "query", "Runtime, instead of the manifest's: python."),
    parameter("batch_size", "query", "Rows in a batch at most.", "integer"),
    parameter("max_batch_delay", "query", "Milliseconds that a batch is gathered at most.", "integer"),
    parameter("response_timeout", "query", "Seconds a handler may take for a batch.", "integer"),
    parameter("startup_timeout", "query", "Seconds a handler may take to load.", "integer"),
    parameter("initial_workers", "query", "Workers to start with.", "integer"),
    parameter("synchronous", "query", "Answer only when the workers have loaded.", "boolean"),
]
_CUSTOMIZED = parameter("customized", "query", "Ask the handler for metadata of its own.", "boolean")
_DESCRIBED = Contract("ModelDescription", query=(_CUSTOMIZED,))
_SCALED = Contract(query=tuple(WORKERS), statuses=(200, 202))


def routes(*, enabled: bool) -> list[ApiRoute]:
    """The routes; models are registered and unregistered only if the model API is `enabled`."""
    listing = operation("List the models.", "listModels", PAGE, {})
    registering = operation("Register a model.", "registerModel", REGISTRATION)
    return [
        ApiRoute("/v1/models/{name}", model_ready, "GET", contract=Contract("Ready")),
        ApiRoute(
            "/models", list_models, "GET", operations={"get": listing}, contract=Contract("ModelList", query=PAGE)
        ),
        ApiRoute(
            "/models",
            register_model if enabled else refuse,
            "POST",
            operations={"post": registering},
            contract=Contract(query=tuple(REGISTRATION), statuses=(200, 202)),
        ),
        *_model_routes(enabled=enabled),
    ]


def _model_routes(*, enabled: bool) -> list[ApiRoute]:
    """The routes of one model, which OPTIONS on it describes."""
    unregister = unregister_model if enabled else refuse
    name, version = "/models/{model_name}", "/models/{model_name}/{model_version}"
    default = f"{version}/set-default"
    return [
        ApiRoute(name, describe_model, "GET", operations={
            "get": operation("Describe the default version.", "describeModel", [MODEL], {})}, contract=_DESCRIBED),
        ApiRoute(name, scale_workers, "PUT", operations={
            "put": operation("Scale the workers.", "setAutoScale", [MODEL, *WORKERS])}, contract=_SCALED),
        ApiRoute(name, unregister, "DELETE", operations={
            "delete": operation("Unregister the default version.", "unregisterModel", [MODEL])}),
        ApiRoute(name, describe_operations, "OPTIONS", contract=Contract("Object")),
        ApiRoute(version, describe_model, "GET", operations={
            "get": operation("Describe a version, or all.", "version_describeModel", [MODEL, VERSION], {})},
            contract=_DESCRIBED),
        ApiRoute(version, scale_workers, "PUT", operations={
            "put": operation("Scale a version's workers.", "version_setAutoScale", [MODEL, VERSION, *WORKERS])},
            contract=_SCALED),
        ApiRoute(version, unregister, "DELETE", operations={
            "delete": operation("Unregister a version.", "version_unregisterModel", [MODEL, VERSION])}),
        ApiRoute(version, describe_operations, "OPTIONS", contract=Contract("Object")),
        ApiRoute(default, set_default, "PUT", operations={
            "put": operation("Make a version the default.", "setDefault", [MODEL, VERSION])}),
        # For all but PUT, TorchServe overlooks the version.
        ApiRoute("/models/{model_name}/{ignored}/set-default", describe_model, "GET", contract=ALIAS),
        ApiRoute("/models/{model_name}/{ignored}/set-default", describe_operations, "OPTIONS", contract=ALIAS),
    ]  # fmt: skip
