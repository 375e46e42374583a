"""The fast path: what it answers itself, what it leaves to ASGI, and that both answer alike."""

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route

from app.api.fast_path import PredictionFastPath, routed_paths
from app.application import create_apps
from app.errors import ResourceNotFound
from app.http.request import HttpRequest
from app.model_server import ModelServer
from model_registry.errors import NoWorker, VersionNotFound
from tests.conftest import MakeArchive
from tests.support.raw_connections import opened
from tests.support.serving import serving

pytestmark = pytest.mark.anyio
SERVES = "def handle(data, context):\n    return ['served'] * len(data or [])\n"
ALL = ("inference", "management", "metrics")


def request(path: str, method: str = "POST") -> HttpRequest:
    return HttpRequest(method, path, b"", (), target=path.encode())


def fast_path(server: ModelServer, apis: tuple[str, ...] = ALL) -> PredictionFastPath:
    (app,) = create_apps(server).values()
    return PredictionFastPath(app, server, apis, ())


@pytest.mark.parametrize("path", ["/predictions/m", "/predictions/m/", "/predictions/m/1.0", "/predictions/m/1.0//"])
async def test_predictions_by_models_that_are_there_are_accepted(store: Path, archive: MakeArchive, path: str) -> None:
    archive("m", SERVES)
    async with serving(store, "m.mar") as client:
        reply = fast_path(client.application).submit(request(path))
        assert reply is not None
        assert (await reply.future).body == b"served"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("path", "method"),
    [("/predictions/other", "POST"), ("/predictions/m", "OPTIONS"), ("/predictions/m/1.0/more", "POST"),
     ("/predictions//1.0", "POST"), ("/explanations/m", "POST"), ("/ping", "GET"), ("/models", "GET")],
)  # fmt: skip
async def test_all_other_requests_are_left_to_asgi(store: Path, archive: MakeArchive, path: str, method: str) -> None:
    archive("m", SERVES)
    async with serving(store, "m.mar") as client:
        assert fast_path(client.application).submit(request(path, method)) is None


async def test_an_address_without_the_inference_api_has_no_predictions(store: Path, archive: MakeArchive) -> None:
    archive("m", SERVES)
    async with serving(store, "m.mar") as client:
        assert fast_path(client.application, ("management",)).submit(request("/predictions/m")) is None


async def test_errors_are_those_of_asgi(store: Path, archive: MakeArchive) -> None:
    archive("m", SERVES)
    async with serving(store, "m.mar") as client:
        path = fast_path(client.application)
        with pytest.raises(VersionNotFound):
            path.submit(request("/predictions/m/2.0"))
        with pytest.raises(ResourceNotFound):
            path.submit(request("/nothing/here"))
        await client.manage("PUT", "/models/m", min_worker=0)
        with pytest.raises(NoWorker):
            path.submit(request("/predictions/m"))


async def test_a_request_that_cannot_be_served_is_rejected_at_its_head(store: Path, archive: MakeArchive) -> None:
    archive("m", SERVES)
    async with serving(store, "m.mar") as client:
        await client.manage("PUT", "/models/m", min_worker=0)
        path, rejected, unknown = fast_path(client.application), request("/predictions/m"), request("/predictions/x")
        for each in (rejected, unknown):
            path.reject_early(each)
        assert (type(rejected.rejection), unknown.rejection) == (NoWorker, None)
        with pytest.raises(NoWorker):
            path.submit(rejected)
        assert rejected.rejection is None


def test_a_path_has_a_route_where_starlette_would_find_one() -> None:
    def endpoint() -> None: ...

    routes = [Route("/a/{name}", endpoint), Mount("/console", app=Starlette())]
    routed = routed_paths(routes)
    assert routed is not None
    assert [path for path in ("/a/1", "/a", "/console/x.js", "/b") if routed.match(path)] == ["/a/1", "/console/x.js"]
    assert routed_paths([*routes, BaseRoute()]) is None


async def test_the_wire_shows_no_difference(store: Path, archive: MakeArchive) -> None:
    """The same prediction over both ways, to the byte but for its id."""
    archive("m", SERVES)
    async with serving(store, "m.mar") as client, opened(client) as endpoint:
        wire, answers = await endpoint.connect(), []
        for path in ("/predictions/m", "/predictions/m/1.0/by/asgi"):
            wire.send(f"POST {path} HTTP/1.1\nHost: x\nContent-Length: 0\n\n")
            line, headers, body = await wire.answer()
            assert headers.pop("x-request-id")
            answers.append((line, list(headers.items()), body))
        assert answers[0] == answers[1]


@pytest.mark.parametrize("is_kept", [False, True])
async def test_a_connection_goes_on_after_a_503_where_it_may(store: Path, archive: MakeArchive, is_kept: bool) -> None:
    archive("m", SERVES)
    async with serving(store, "m.mar", keep_alive_on_503=is_kept) as client, opened(client) as endpoint:
        await client.application.registry.resolve("m").scale(0, 0)
        wire = await endpoint.connect()
        for _ in range(3 if is_kept else 1):
            wire.send("POST /predictions/m HTTP/1.1\nHost: x\nContent-Length: 4\n\nbody")
            line, headers, _ = await wire.answer()
            assert line == "HTTP/1.1 503 Service Unavailable"
            assert headers["connection"] == ("keep-alive" if is_kept else "close")
        wire.send("POST /predictions/other HTTP/1.1\nHost: x\nContent-Length: 0\n\n")
        if is_kept:
            assert (await wire.answer())[0] == "HTTP/1.1 404 Not Found"
        assert await wire.is_closed()
