"""The routes of the console: the page at / and /console, its files, its feed, and the API's page at /docs."""

from collections.abc import Iterator
from pathlib import Path

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Match, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.api.contract import ALIAS, Contract
from app.api.openapi import parameter
from app.api.routing import ApiRoute, Endpoint
from app.console.archive_upload import upload_archive
from app.console.feed import Feed, FeedResponse
from app.console.load import CLIENTS, SECONDS, LoadGenerator
from app.console.sample_request import sample_request
from app.console.timed_prediction import predict_timed

STATIC = Path(__file__).parent / "static"
PAGE = STATIC / "index.html"
DOCS = STATIC / "docs.html"
SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "vary": "accept",
}


REPLACE = parameter("replace", "query", "Take the place of a file of that name.", "boolean")
UPLOADED = Contract(query=(REPLACE,), body="", statuses=(200, 202))


class BrowserRoute(ApiRoute):
    """A route that only clients take which accept HTML by name."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match GET and HEAD by such a client."""
        if scope["type"] != "http" or not accepts_html(Headers(scope=scope).get("accept", "")):
            return Match.NONE, {}
        match, child = super().matches(scope)
        return (match, child) if match is Match.FULL else (Match.NONE, {})


class ConsoleFiles(StaticFiles):
    """Static files with the console's security headers."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file at a path."""
        response = await super().get_response(path, scope)
        response.headers.update(SECURITY_HEADERS)
        return response


def accepts_html(accept: str) -> bool:
    """Whether an Accept header names HTML, and JSON at most as a second choice."""
    qualities = dict(_media_range(each) for each in accept.split(","))
    html = qualities.get("text/html", 0.0)
    return html > 0 and html >= qualities.get("application/json", 0.0)


def _media_range(text: str) -> tuple[str, float]:
    """A media range and its quality, 0 where that is no number."""
    name, *parameters = (part.strip().lower() for part in text.split(";"))
    quality = next((value[2:] for value in parameters if value.startswith("q=")), "1")
    try:
        return name, float(quality)
    except ValueError:
        return name, 0.0


async def page(request: Request) -> Response:
    """The console."""
    return FileResponse(PAGE, headers=SECURITY_HEADERS)


async def docs(request: Request) -> Response:
    """The page that shows every route of the API."""
    return FileResponse(DOCS, headers=SECURITY_HEADERS)


def routes() -> list[BaseRoute]:
    """The routes of one application, which share a feed and a load generator."""
    feed, load = Feed(), LoadGenerator()

    async def events(request: Request) -> Response:
        """GET /console/events: server-sent events, for callers that may manage the server."""
        return FeedResponse(feed)

    return [
        BrowserRoute("/", page, "GET", "HEAD", contract=ALIAS),
        ApiRoute("/console", page, "GET", "HEAD", contract=Contract(media_type="text/html")),
        ApiRoute("/docs", docs, "GET", contract=Contract(media_type="text/html")),
        *_model_routes("predictions", predict_timed, "POST", Contract("", body="")),
        *_model_routes("samples", sample_request, "GET", Contract("", statuses=(200, 204))),
        *_model_routes("load", load.load_model, "POST", Contract("Object", (CLIENTS, SECONDS), body="")),
        ApiRoute("/console/archives/{file}", upload_archive, "PUT", contract=UPLOADED),
        ApiRoute("/console/events", events, "GET", contract=Contract(media_type="text/event-stream")),
        Mount("/console", ConsoleFiles(directory=STATIC)),
    ]


def _model_routes(kind: str, endpoint: Endpoint, method: str, contract: Contract) -> Iterator[ApiRoute]:
    for path in ("{model_name}", "{model_name}/{model_version}"):
        yield ApiRoute(f"/console/{kind}/{path}", endpoint, method, contract=contract)
