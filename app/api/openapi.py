"""The OpenAPI documents that OPTIONS and /api-description answer."""

from collections.abc import Iterable
from typing import Any

from app.errors import MethodNotAllowed
from app.http.request import Call
from app.http.responses import Answer, json_answer

Operation = tuple[str, str, dict[str, Any]]
"""A method, a path, and the OpenAPI operation object."""

ERROR = {
    "type": "object",
    "required": ["code", "type", "message"],
    "properties": {
        "code": {"type": "integer", "description": "The HTTP status."},
        "type": {"type": "string", "description": "The kind of error, by TorchServe's name."},
        "message": {"type": "string", "description": "What is wrong."},
    },
}
STATUS = {"type": "object", "required": ["status"], "properties": {"status": {"type": "string"}}}


def _parameter(name: str, where: str, about: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    return {
        "in": where, "name": name, "description": about, "required": where == "path", "schema": {"type": kind}, **more,
    }  # fmt: skip


MODEL = _parameter("model_name", "path", "Name of the model.")
VERSION = _parameter("model_version", "path", "Version of the model.")


def _operation(
    about: str, name: str, parameters: Iterable[dict[str, Any]] = (), answer: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    json_error = {"description": "Refused.", "content": {"application/json": {"schema": ERROR}}}
    good = {"description": "Done.", "content": {"application/json": {"schema": answer or STATUS}}}
    return {
        "description": about, "operationId": name, "parameters": list(parameters), **more,
        "responses": {"200": good, "default": json_error},
    }  # fmt: skip


def _prediction(name: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    anything = {"schema": {"type": "string", "format": "binary"}}
    body = {
        "description": "The handler's input: JSON, text, bytes, a form or files.",
        "content": {"*/*": anything, "application/json": {"schema": {}}, "multipart/form-data": {"schema": {}}},
    }
    return _operation("Predict with the model.", name, parameters, {}, requestBody=body)


DESCRIPTION: list[Operation] = [
    ("options", "/", _operation("This description.", "describe", answer={"type": "object"})),
    ("get", "/api-description", _operation("This description.", "apiDescription", answer={"type": "object"})),
]
METRICS: list[Operation] = [
    ("get", "/metrics", _operation(
        "Metrics in Prometheus format.", "metrics",
        [_parameter("name[]", "query", "Only samples of these names.", "array")], {"type": "string"})),
]  # fmt: skip
INFERENCE: list[Operation] = [
    ("get", "/ping", _operation("Health of the server.", "ping")),
    ("post", "/predictions/{model_name}", _prediction("predictions", MODEL)),
    ("post", "/predictions/{model_name}/{model_version}", _prediction("version_predictions", MODEL, VERSION)),
    ("post", "/v1/models/{model_name}:predict", _prediction("predict_v1", MODEL)),
    ("post", "/v2/models/{model_name}/infer", _prediction("infer_v2", MODEL)),
]
WORKERS = [
    _parameter("min_worker", "query", "How many workers there should be.", "integer"),
    _parameter("max_worker", "query", "The ceiling that is shown; min_worker if left out.", "integer"),
    _parameter("synchronous", "query", "Answer only when the workers have loaded.", "boolean"),
]
REGISTER = [
    _parameter("url", "query", "Archive: a name in the model store, or an allowed URL.", required=True),
    _parameter("model_name", "query", "Name, instead of the manifest's."),
    _parameter("handler", "query", "Handler, instead of the manifest's."),
    _parameter("runtime", "query", "Runtime, instead of the manifest's: python."),
    _parameter("batch_size", "query", "Rows in a batch at most.", "integer"),
    _parameter("max_batch_delay", "query", "Milliseconds that a batch is gathered at most.", "integer"),
    _parameter("response_timeout", "query", "Seconds a handler may take for a batch.", "integer"),
    _parameter("startup_timeout", "query", "Seconds a handler may take to load.", "integer"),
    _parameter("initial_workers", "query", "Workers to start with.", "integer"),
    _parameter("synchronous", "query", "Answer only when the workers have loaded.", "boolean"),
]
ITEM: list[Operation] = [
    ("get", "/models/{model_name}", _operation("Describe the default version.", "describeModel", [MODEL], {})),
    ("get", "/models/{model_name}/{model_version}", _operation(
        "Describe a version, or all.", "version_describeModel", [MODEL, VERSION], {})),
    ("put", "/models/{model_name}", _operation("Scale the workers.", "setAutoScale", [MODEL, *WORKERS])),
    ("put", "/models/{model_name}/{model_version}", _operation(
        "Scale a version's workers.", "version_setAutoScale", [MODEL, VERSION, *WORKERS])),
    ("delete", "/models/{model_name}", _operation("Unregister the default version.", "unregisterModel", [MODEL])),
    ("delete", "/models/{model_name}/{model_version}", _operation(
        "Unregister a version.", "version_unregisterModel", [MODEL, VERSION])),
    ("put", "/models/{model_name}/{model_version}/set-default", _operation(
        "Make a version the default.", "setDefault", [MODEL, VERSION])),
]  # fmt: skip
MANAGEMENT: list[Operation] = [
    ("get", "/models", _operation("List the models.", "listModels", [
        _parameter("limit", "query", "Models on a page, 100 at most.", "integer"),
        _parameter("next_page_token", "query", "The nextPageToken of the page before.", "string")], {})),
    ("post", "/models", _operation("Register a model.", "registerModel", REGISTER)),
    *ITEM,
]  # fmt: skip


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    """The OpenAPI document of some operations."""
    paths: dict[str, dict[str, Any]] = {}
    for method, path, operation in operations:
        paths.setdefault(path, {})[method] = operation
    info = {
        "title": "TorchServe APIs",
        "description": "TorchServe's REST API, served by marserve.",
        "version": "0.12.0",
    }
    return {"openapi": "3.0.1", "info": info, "paths": paths}


def describe_model_inference(name: str) -> Answer:
    """What OPTIONS on a prediction route answers; "/prediction/" is how TorchServe writes it."""
    return json_answer(document([("post", f"/prediction/{name}", _prediction("prediction")), *INFERENCE[3:]]))


def describe_management_models(name: str) -> Answer:
    """What OPTIONS on a model of the management address answers."""
    return json_answer(document(ITEM))


class Descriptions:
    """Answers `OPTIONS /` and `/api-description` of an address.

    Any other method on "/" is refused, as TorchServe does, unless there is a `greeting` for it.
    """

    def __init__(self, operations: Iterable[Operation], greeting: dict[str, Any] | None = None) -> None:
        self._document = document(operations)
        self._greeting = greeting

    async def answer(self, call: Call) -> Answer | None:
        """The address's description; None for other paths."""
        if call.segments == ["api-description"] or (call.segments == [""] and call.method == "OPTIONS"):
            return json_answer(self._document)
        if call.segments == [""]:
            if self._greeting is None:
                raise MethodNotAllowed
            return json_answer(self._greeting)
        return None
