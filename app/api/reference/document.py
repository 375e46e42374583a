"""The OpenAPI 3.1 document: paths and methods of the routes, descriptions of their docstrings, and their contracts."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from starlette.routing import BaseRoute

from app import release
from app.api.contract import Contract
from app.api.reference.schemas import SCHEMAS
from app.api.routing import ApiRoute

ERRORS = "#/components/responses/Error"
_PARAMETER = re.compile(r"{(\w+)(?::path)?}")
_DESCRIPTIONS = {
    "model_name": "Name of a model.",
    "model_version": "Version of the model.",
    "model": "Name of a model.",
    "version": "Version of the model.",
    "name": "Name of a model, or of a workflow.",
    "url_path": "The rest of the path, which the handler finds as the header url_path.",
    "action": "pause, or resume.",
}
_TAGS = {
    "models": "management", "workflows": "management", "token": "management", "v2": "Open Inference Protocol v2",
    "v1": "KServe v1", "metrics": "observability", "console": "console", "openapi.json": "reference",
    "docs": "reference", "api-description": "reference", "": "reference",
}  # fmt: skip
_LENIENT = {"integer": ["integer", "string"], "boolean": ["boolean", "string"]}
"""Query parameters that are no number, or no truth, count as not given, as in TorchServe."""


def reference_document(routes: Iterable[BaseRoute], needs_token: Callable[[str], bool]) -> dict[str, Any]:
    """The document of these routes; `needs_token` decides whether the calls of a path need one."""
    paths: dict[str, dict[str, Any]] = {}
    for route in _documented(routes):
        path = _PARAMETER.sub(r"{\1}", route.path)
        for method in sorted(route.methods or (("GET",) if route.contract.body is None else ("POST",))):
            operation = _operation(route, path, method, needs_token(path))
            paths.setdefault(path, {}).setdefault(method.lower(), operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "marserve",
            "version": release.version(),
            "description": "Predictions, which take every method, management, traffic, drift, metrics. "
            "A path may end in slashes.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "responses": {"Error": {"description": "Refused or failed.", "content": _content("Error")}},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _documented(routes: Iterable[BaseRoute]) -> Iterator[ApiRoute]:
    for route in routes:
        if isinstance(route, ApiRoute) and not route.contract.is_alias and "{remaining" not in route.path:
            yield route


def _operation(route: ApiRoute, path: str, method: str, needs_token: bool) -> dict[str, Any]:
    contract = route.contract
    summary = _summary(route, method)
    operation = {
        "operationId": f"{method.lower()}_{re.sub(r'[^a-z0-9]+', '_', path.lower()).strip('_')}".rstrip("_"),
        "summary": summary,
        "tags": [_TAGS.get(path.split("/")[1], "inference")],
        "parameters": [*_path_parameters(path), *map(_lenient, contract.query)],
        "responses": {**{str(each): _response(contract) for each in contract.statuses}, "default": {"$ref": ERRORS}},
    }
    if contract.body is not None and method in ("POST", "PUT", "PATCH"):
        required = contract.body != ""
        operation["requestBody"] = {"required": required, "content": _content(contract.body)}
    if needs_token:
        operation["security"] = [{"token": []}]
    return operation


def _summary(route: ApiRoute, method: str) -> str:
    """TorchServe's description of the operation, else the first line of the docstring, without a path before it."""
    if method.lower() in route.operations:
        return str(route.operations[method.lower()]["description"])
    first = (route.endpoint.__doc__ or "").partition("\n")[0]
    about = first.partition(": ")[2] or first
    return about[:1].upper() + about[1:]


def _path_parameters(path: str) -> Iterator[dict[str, Any]]:
    for name in _PARAMETER.findall(path):
        schema: dict[str, Any] = {"type": "string", "minLength": 1}
        if name == "action":
            schema["enum"] = ["pause", "resume"]
        yield {
            "in": "path",
            "name": name,
            "required": True,
            "description": _DESCRIPTIONS.get(name, name),
            "schema": schema,
        }


def _lenient(parameter: dict[str, Any]) -> dict[str, Any]:
    kind = parameter["schema"]["type"]
    if kind == "array":
        return {**parameter, "schema": {"type": "array", "items": {"type": "string"}}}
    return {**parameter, "schema": {"type": _LENIENT.get(kind, kind)}}


def _response(contract: Contract) -> dict[str, Any]:
    """A response; without content where a handler chooses its type."""
    if contract.media_type != "application/json":
        return {"description": "Done.", "content": {contract.media_type: {"schema": {"type": "string"}}}}
    return {"description": "Done.", **({"content": _content(contract.answer)} if contract.answer else {})}


def _content(schema: str) -> dict[str, Any]:
    if not schema:
        bodies = ("application/json", "text/plain", "application/octet-stream", "multipart/form-data")
        return {media_type: {"schema": {}} for media_type in bodies}
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
