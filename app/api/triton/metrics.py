"""The metrics' port: one page, and nothing else."""

from starlette.requests import Request
from starlette.routing import BaseRoute

from app.api.triton.repositories import repositories_of
from app.api.triton.routing import TritonRoute
from app.http.responses import Headers, RawResponse

TEXT: Headers = ((b"content-type", b"text/plain; charset=utf-8"),)


async def metrics(request: Request) -> RawResponse:
    """All families of Triton's names, and those that models have made."""
    return RawResponse(200, repositories_of(request).metrics_page.render().encode(), TEXT, b"OK")


async def nothing(request: Request) -> RawResponse:
    """So Triton answers every other path."""
    return RawResponse(200, b"", TEXT, b"OK")


metrics_routes: list[BaseRoute] = [
    TritonRoute("/metrics", "GET", metrics, "metrics", is_json=False),
    TritonRoute(".*", "GET HEAD POST PUT DELETE PATCH OPTIONS", nothing, "metrics"),
]
