"""The inference API: predictions under each of TorchServe's URLs, explanations, and /ping. No method matters to it."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.api.contract import ALIAS, Contract
from app.api.openapi import MODEL, VERSION, document, operation, parameter
from app.api.parameters import query, query_list
from app.api.routing import ApiRoute
from app.errors import BadRequest, ResourceNotFound
from app.http.request_body import parse_body
from app.http.responses import TorchServeResponse, json_response, prediction_response, status_response
from app.http.scope import handler_headers, header, keeps_spelling
from app.model_server import ModelServer
from app.open_inference.archives import find_tensors
from app.open_inference.errors import raw_error
from handler.job import Input, Part
from handler.tensors.errors import TensorError
from model_registry.reply import PendingReply

AddedHeaders = tuple[tuple[str, str], ...]
PREDICT: AddedHeaders = (("explain", "False"),)
EXPLAIN: AddedHeaders = (("explain", "True"),)
BINARY_HEADER = b"inference-header-content-length"


async def ping(request: Request) -> Response:
    """Whether every default version has the workers that it should have."""
    healthy = ModelServer.of(request.scope).registry.is_healthy
    return status_response("Healthy" if healthy else "Unhealthy", 200 if healthy else 500)


async def predictions(request: Request) -> Response:
    """/predictions: predict; the path behind the version is the handler's `url_path`."""
    return await _predict(request, added=_added(request, "False"))


async def explanations(request: Request) -> Response:
    """/explanations: predictions for which the handler is asked to explain."""
    return await _predict(request, added=_added(request, "True"))


async def predict_v1(request: Request) -> Response:
    """KServe's /v1/models/{name}:predict."""
    return await _predict(request, added=PREDICT)


async def explain_v1(request: Request) -> Response:
    """KServe's /v1/models/{name}, with the verb explain: explain a prediction."""
    return await _predict(request, added=EXPLAIN)


async def infer_v2(request: Request) -> Response:
    """The Open Inference Protocol's /v2/models/{name}/infer: tensors where the archive declares some, else its body."""
    server, name = ModelServer.of(request.scope), request.path_params["model_name"]
    number, client = request.path_params.get("model_version"), request.client.host if request.client else None
    try:
        headers = handler_headers(request, PREDICT)
        served = await find_tensors(server.registry, name, number, headers, client, request.body)
        if served is not None:
            from app.open_inference.infer_call import respond  # numpy comes with it

            regions = server.live_settings.shared_memory
            return TorchServeResponse(await respond(request, served, regions, server.settings.max_request_size))
        if header(request.scope, BINARY_HEADER):
            raise TensorError(
                f"Model {name} declares no tensors, and cannot read binary ones: name them in its model-config.yaml "
                "under the key tensors, or send JSON."
            )
    except TensorError as error:
        return TorchServeResponse(raw_error(error))
    return await _predict(request, added=PREDICT)


async def explain_v2(request: Request) -> Response:
    """The Open Inference Protocol's /v2/models/{name}/explain: explain a prediction."""
    return await _predict(request, added=EXPLAIN)


async def predict_with_query(request: Request) -> Response:
    """/{model}/predict and /models/{model}/invoke: predict; query parameters are parts of the input."""
    return await _predict(request, query_parts=_query_parts(request))


async def invocations(request: Request) -> Response:
    """SageMaker's /invocations: predict; the model is a parameter, the only start-up model, or a field of the form."""
    registry = ModelServer.of(request.scope).registry
    parts = parse_body(await request.body(), header(request.scope, b"content-type"))
    fields = {part.name: part.value.decode("utf-8", "replace") for part in parts if part.name == "model_name"}
    named = query(request).get("model_name")
    name = named or registry.only_startup_model or named  # "" counts as none only where there is one model to take
    if name is None and (name := fields.get("model_name")) is None:
        raise BadRequest("Parameter model_name is required.")
    request.path_params["model_name"] = name
    return await _predict(request, query_parts=_query_parts(request))


async def not_found(request: Request) -> Response:
    """A path of the management API that TorchServe's inference API answers where both share an address."""
    raise ResourceNotFound


async def _predict(request: Request, *, added: AddedHeaders = (), query_parts: tuple[Part, ...] = ()) -> Response:
    registry, parameters = ModelServer.of(request.scope).registry, request.path_params
    name, version = parameters["model_name"], parameters.get("model_version")
    if request.method == "OPTIONS":
        await registry.find(name, version)
        return json_response(_model_document(name))
    parts = parse_body(await request.body(), header(request.scope, b"content-type"))
    given = Input((*query_parts, *parts), handler_headers(request, added), keeps_spelling(request.scope))
    model = await registry.find_model(name)
    client = request.client.host if request.client else None
    request_id = request.state.request_id

    def submit(given: Input) -> PendingReply:
        return model.submit(given, request_id, version, client)

    tracer = ModelServer.of(request.scope).tracer
    if tracer is None or (origin := tracer.sample(header(request.scope, b"traceparent"))) is None:
        reply = submit(given)
    else:
        route = f"{request.method} {getattr(request.scope.get('route'), 'path', '')}"
        reply = tracer.submit(given, origin, route, request_id, submit)
    request.state.reply_headers = reply.headers
    try:
        return prediction_response(await reply.future)
    finally:
        reply.detach()


def _added(request: Request, explain: str) -> AddedHeaders:
    """The headers that TorchServe adds to what it predicts or explains."""
    return (("explain", explain), ("url_path", request.path_params.get("url_path", "")))


def _query_parts(request: Request) -> tuple[Part, ...]:
    return tuple(Part(name, "", value.encode()) for name, value in query_list(request))


def _prediction(name: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    binary = {"schema": {"type": "string", "format": "binary"}}
    body = {
        "description": "The handler's input: JSON, text, bytes, a form or files.",
        "content": {"*/*": binary, "application/json": {"schema": {}}, "multipart/form-data": {"schema": {}}},
    }
    return {"post": operation("Predict with the model.", name, parameters, {}, requestBody=body)}


_PREDICTED = Contract("", body="")
_V1_MODEL = "/v1/models/(?P<model_name>[^/:]*)"
"""TorchServe takes for the name everything up to the first colon, and the first verb that comes after it."""
_KSERVE_ROUTES = [
    ApiRoute(
        "/v1/models/{model_name}:predict", predict_v1, operations=_prediction("predict_v1", MODEL), contract=_PREDICTED,
        pattern=f"{_V1_MODEL}(?:(?!:explain)[^/])*?:predict[^/]*",
    ),
    ApiRoute(
        "/v2/models/{model_name}/infer", infer_v2, operations=_prediction("infer_v2", MODEL), contract=_PREDICTED,
    ),
]  # fmt: skip

_MODEL_NAME = parameter("model_name", "query", "The model; needed unless one alone was loaded at the start.")
_OLDEST_MODEL = "/(?!models/)(?P<model_name>[^/]*)"
"""The first segment of the oldest URLs of predictions; /models belongs to the management API."""


def _model_document(name: str) -> dict[str, Any]:
    """The answer to OPTIONS on a prediction; "/prediction/" is how TorchServe writes it."""
    plain = ApiRoute(f"/prediction/{name}", predictions, operations=_prediction("prediction"))
    return document([plain, *_KSERVE_ROUTES])


def routes(*, hides_management: bool) -> list[ApiRoute]:
    """The routes, in the order in which TorchServe looks for them.

    `hides_management`: /models/{model}/{version} is not found, as in TorchServe, even if the management API, which has
    such paths, is on the same address.
    """
    hidden = [ApiRoute("/models/{model_name}/{model_version}", not_found, contract=ALIAS)] if hides_management else []
    return [
        ApiRoute("/ping", ping, operations={"get": operation("Health of the server.", "ping")}),
        ApiRoute("/ping/{remaining:path}", ping),
        ApiRoute(
            "/predictions/{model_name}", predictions, operations=_prediction("predictions", MODEL),
            contract=_PREDICTED,
        ),
        ApiRoute(
            "/predictions/{model_name}/{model_version}", predictions,
            operations=_prediction("version_predictions", MODEL, VERSION), contract=_PREDICTED,
        ),
        ApiRoute("/predictions/{model_name}/{model_version}/{url_path:path}", predictions, contract=_PREDICTED),
        ApiRoute("/explanations/{model_name}", explanations, contract=_PREDICTED),
        ApiRoute("/explanations/{model_name}/{model_version}", explanations, contract=_PREDICTED),
        ApiRoute("/explanations/{model_name}/{model_version}/{url_path:path}", explanations, contract=_PREDICTED),
        ApiRoute("/invocations", invocations, contract=_PREDICTED._replace(query=(_MODEL_NAME,))),
        *_KSERVE_ROUTES,
        ApiRoute(
            "/v1/models/{model_name}:explain", explain_v1, pattern=f"{_V1_MODEL}[^/]*?:explain[^/]*",
            contract=_PREDICTED,
        ),
        ApiRoute("/v2/models/{model_name}/explain", explain_v2, contract=_PREDICTED),
        ApiRoute("/models/{model_name}/invoke", predict_with_query, contract=_PREDICTED),
        *hidden,
        ApiRoute(
            "/{model_name}/predict", predict_with_query, pattern=f"{_OLDEST_MODEL}/predict",
            contract=_PREDICTED,
        ),
        ApiRoute(
            "/{model_name}/{model_version}/predict", predict_with_query,
            pattern=f"{_OLDEST_MODEL}/(?P<model_version>[^/]*)/predict", contract=_PREDICTED,
        ),
    ]  # fmt: skip
