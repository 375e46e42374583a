"""The responses to what a route raises: Starlette's exception handlers, over the one table of errors."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ExceptionHandler

from app.errors import ErrorResponse, MethodNotAllowed, RequestError, ResourceNotFound, describe_error
from app.http.response_head import with_common_headers
from app.http.responses import TorchServeResponse, error_response, raw_error
from app.http.scope import target
from app.middleware import cors_headers
from app.model_server import ModelServer
from app.remedies import explain, similar_path
from handler.errors import HandlerError
from model_registry.errors import RegistryError


async def on_error(request: Request, error: Exception) -> Response:
    """The response to an error of the domain, from the table of errors.

    A server of our own adds cause and remedy to failed registrations, and to unknown paths.
    """
    server = ModelServer.of(request.scope)
    headers = getattr(request.state, "reply_headers", ())
    raw = error_response(error, request.method, target(request.scope), headers)
    if server.settings.one_port and (more := _explanation(request, error, server)):
        described = describe_error(error)
        raw = raw_error(described._replace(message=f"{described.message}{more}"))._replace(headers=raw.headers)
    return TorchServeResponse(raw)


def _explanation(request: Request, error: Exception, server: ModelServer) -> str:
    """Cause and remedy, to be put behind the error's own message."""
    if isinstance(error, ResourceNotFound):
        paths = {route.path for route in request.app.routes if isinstance(route, Route)}
        return f" {similar_path(request.url.path, paths)}/docs shows all routes."
    more = explain(error, server.store) if isinstance(error, RegistryError) else ""
    return more and f": {more}"


async def on_unexpected_error(request: Request, error: Exception) -> Response:
    """The response to a defect, whole: Starlette sends it outside of the middleware, and raises the error again."""
    cors = cors_headers(ModelServer.of(request.scope).settings)
    raw = error_response(error, request.method, target(request.scope))
    return TorchServeResponse(raw._replace(headers=with_common_headers(raw.headers, request.state.request_id, cors)))


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Starlette's own errors, in TorchServe's words where it has some."""
    assert isinstance(error, HTTPException)
    known = {404: ResourceNotFound, 405: MethodNotAllowed}.get(error.status_code)
    if known is not None:
        return await on_error(request, known())
    return TorchServeResponse(raw_error(ErrorResponse(error.status_code, "HTTPException", error.detail)))


EXCEPTION_HANDLERS: dict[Any, ExceptionHandler] = {
    RequestError: on_error,
    RegistryError: on_error,
    HandlerError: on_error,
    HTTPException: on_http_exception,
    Exception: on_unexpected_error,
}
