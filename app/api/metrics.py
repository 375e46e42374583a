"""The metrics API: /metrics in Prometheus' text format, or OpenMetrics."""

from starlette.requests import Request
from starlette.responses import Response

from app.api.contract import Contract
from app.api.openapi import operation, parameter
from app.api.parameters import query_list
from app.api.routing import ApiRoute
from app.http.responses import RawResponse, TorchServeResponse
from app.http.scope import header
from app.model_server import ModelServer
from handler.metrics.openmetrics import CONTENT_TYPE, MEDIA_TYPE

TEXT = ((b"content-type", b"text/plain; version=0.0.4; charset=utf-8"),)


async def metrics(request: Request) -> Response:
    """The samples that the `name[]` parameters choose, else all."""
    names = [value for name, value in query_list(request) if name == "name[]"]
    server = ModelServer.of(request.scope)
    if _takes_openmetrics(request, server):
        body = server.metrics.expose(names, is_openmetrics=True)
        return TorchServeResponse(RawResponse(200, body, ((b"content-type", CONTENT_TYPE),), b"OK"))
    body = server.metrics.expose(names)
    if server.repositories is not None and not names:
        body += server.repositories.metrics_page.render().encode()
    return TorchServeResponse(RawResponse(200, body, TEXT, b"OK"))


def _takes_openmetrics(request: Request, server: ModelServer) -> bool:
    """Whether the client takes OpenMetrics; TorchServe's own metrics and Triton's are not offered in it."""
    is_offered = server.settings.marserve_metrics and server.repositories is None
    return is_offered and MEDIA_TYPE in header(request.scope, b"accept")


_NAMES = parameter("name[]", "query", "Only samples of these names.", "array")
_DESCRIPTION = operation("Metrics in Prometheus format.", "metrics", [_NAMES], {"type": "string"})
routes = [
    ApiRoute(
        "/metrics", metrics, operations={"get": _DESCRIPTION},
        contract=Contract(query=(_NAMES,), media_type="text/plain"),
    ),
    ApiRoute("/metrics/{remaining:path}", metrics),
]  # fmt: skip
