"""The metrics API: /metrics in Prometheus' text format."""

from starlette.requests import Request
from starlette.responses import Response

from app.api.contract import Contract
from app.api.openapi import operation, parameter
from app.api.parameters import query_list
from app.api.routing import ApiRoute
from app.http.responses import RawResponse, TorchServeResponse
from app.model_server import ModelServer

TEXT = ((b"content-type", b"text/plain; version=0.0.4; charset=utf-8"),)


async def metrics(request: Request) -> Response:
    """The samples that the `name[]` parameters choose, else all."""
    names = [value for name, value in query_list(request) if name == "name[]"]
    server = ModelServer.of(request.scope)
    body = server.metrics.expose(names)
    if server.repositories is not None and not names:
        body += server.repositories.metrics_page.render().encode()
    return TorchServeResponse(RawResponse(200, body, TEXT, b"OK"))


_NAMES = parameter("name[]", "query", "Only samples of these names.", "array")
_DESCRIPTION = operation("Metrics in Prometheus format.", "metrics", [_NAMES], {"type": "string"})
routes = [
    ApiRoute(
        "/metrics", metrics, operations={"get": _DESCRIPTION},
        contract=Contract(query=(_NAMES,), media_type="text/plain"),
    ),
    ApiRoute("/metrics/{remaining:path}", metrics),
]  # fmt: skip
