"""The OpenAPI documents that OPTIONS and /api-description answer, generated from the routes."""

from collections.abc import Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from app.api.contract import Contract
from app.api.routing import ApiRoute
from app.http.responses import json_response

INFO = {
    "title": "TorchServe APIs",
    "description": "TorchServe's REST API, served by marserve.",
    "version": "0.12.0",
}
ERROR_SCHEMA = {
    "type": "object",
    "required": ["code", "type", "message"],
    "properties": {
        "code": {"type": "integer", "description": "The HTTP status."},
        "type": {"type": "string", "description": "The kind of error, by TorchServe's name."},
        "message": {"type": "string", "description": "What is wrong."},
    },
}
STATUS_SCHEMA = {"type": "object", "required": ["status"], "properties": {"status": {"type": "string"}}}


def parameter(name: str, place: str, description: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    """An OpenAPI parameter object."""
    return {
        "in": place, "name": name, "description": description, "required": place == "path",
        "schema": {"type": kind}, **more,
    }  # fmt: skip


def operation(
    description: str, name: str, parameters: Iterable[dict[str, Any]] = (), answer: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:  # fmt: skip
    """An OpenAPI operation object; `answer` is the schema of the response's JSON, a status if left out."""
    json_error = {"description": "Refused.", "content": {"application/json": {"schema": ERROR_SCHEMA}}}
    success = {"description": "Done.", "content": {"application/json": {"schema": answer or STATUS_SCHEMA}}}
    return {
        "description": description, "operationId": name, "parameters": list(parameters), **more,
        "responses": {"200": success, "default": json_error},
    }  # fmt: skip


MODEL = parameter("model_name", "path", "Name of the model.")
VERSION = parameter("model_version", "path", "Version of the model.")
PAGE = (
    parameter("limit", "query", "Models on a page, 100 at most.", "integer"),
    parameter("next_page_token", "query", "The nextPageToken of the page before.", "string"),
)
WORKFLOW_REGISTRATION = (
    parameter("url", "query", "Workflow archive: a name in the workflow store, or an allowed URL.", required=True),
    parameter("workflow_name", "query", "Name, instead of the archive's."),
    parameter("response_timeout", "query", "Seconds a handler may take for a batch.", "integer"),
    parameter("startup_timeout", "query", "Seconds a handler may take to load.", "integer"),
)


def document(routes: Iterable[BaseRoute]) -> dict[str, Any]:
    """The OpenAPI document of those routes that have operations."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        if isinstance(route, ApiRoute) and route.operations:
            paths.setdefault(route.path, {}).update(route.operations)
    return {"openapi": "3.0.1", "info": INFO, "paths": paths}


def description_routes(described: Iterable[BaseRoute], *, with_own: bool) -> list[ApiRoute]:
    """OPTIONS / and /api-description of an address, which describe those routes and, `with_own`, these two."""

    async def describe(request: Request) -> Response:
        return json_response(content)

    def described_by(name: str) -> dict[str, Any]:
        return operation("This description.", name, answer={"type": "object"})

    routes = [
        ApiRoute(
            "/", describe, "OPTIONS", operations={"options": described_by("describe")}, contract=Contract("Object")
        ),
        ApiRoute(
            "/api-description",
            describe,
            operations={"get": described_by("apiDescription")},
            contract=Contract("Object"),
        ),
    ]
    content = document([*routes, *described] if with_own else described)
    return routes
