"""The ASGI application: mounted into others, with middleware of others, and on TorchServe's addresses."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.application import addresses, create_app, create_apps
from app.http.fast_path import FAST_PATH
from app.settings.loading import marserve_settings
from app.settings.model import Settings
from app.settings.types import ListenAddress
from tests.conftest import MakeArchive
from tests.support.serving import serving

pytestmark = pytest.mark.anyio
SERVES = "def handle(data, context):\n    return data and ['served'] * len(data)\n"
INFERENCE, MANAGEMENT, METRICS = (ListenAddress("http", "127.0.0.1", port) for port in (8080, 8081, 8082))


class Tagged:
    """Ordinary ASGI middleware: adds a header to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_tagged(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"x-tag", b"1")]}
            await send(message)

        await self.app(scope, receive, send_tagged)


def one_port(tmp_path: Path, store: Path) -> Starlette:
    environ = {"TS_MODEL_STORE": str(store), "TS_LOAD_MODELS": "m.mar", "TS_DISABLE_TOKEN_AUTHORIZATION": "true"}
    return create_app(marserve_settings(environ, tmp_path, log_location=str(tmp_path / "logs")))


@asynccontextmanager
async def client_of(app: ASGIApp) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://server", timeout=60) as client:
        yield client


async def test_the_application_serves_below_a_path_of_another_one(
    store: Path, archive: MakeArchive, tmp_path: Path
) -> None:
    archive("m", SERVES)
    served = one_port(tmp_path, store)

    async def own(request: Request) -> PlainTextResponse:
        return PlainTextResponse("own")

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with served.router.lifespan_context(served):
            yield

    parent = Starlette(routes=[Route("/own", own), Mount("/served", app=served)], lifespan=lifespan)
    async with parent.router.lifespan_context(parent), client_of(parent) as client:
        assert (await client.get("/own")).text == "own"
        assert (await client.post("/served/predictions/m")).text == "served"
        assert (await client.post("/served/predictions/m/1.0/")).text == "served"
        assert (await client.get("/served/models")).json()["models"] == [{"modelName": "m", "modelUrl": "m.mar"}]
        unknown = await client.get("/served/nothing")
        assert (unknown.status_code, unknown.json()["type"]) == (404, "ResourceNotFoundException")
        assert (await client.get("/served/")).json()["name"] == "marserve"


async def test_middleware_of_others_sees_every_request_also_under_the_own_protocol(
    store: Path, archive: MakeArchive
) -> None:
    archive("m", SERVES)
    async with serving(store, "m.mar") as client:
        (app,) = create_apps(client.application).values()
        assert FAST_PATH in await state_of(app)
        app.add_middleware(Tagged)
        assert FAST_PATH not in await state_of(app)
        async with client_of(app) as other:
            answer = await other.post("/predictions/m")
            assert (answer.text, answer.headers["x-tag"]) == ("served", "1")


async def state_of(app: Starlette) -> dict[str, Any]:
    async with app.router.lifespan_context(app) as state:
        return dict(state or {})


async def test_a_request_before_the_lifespan_says_what_is_missing(tmp_path: Path, store: Path) -> None:
    async with client_of(one_port(tmp_path, store)) as client:
        with pytest.raises(RuntimeError, match="lifespan has not started"):
            await client.get("/ping")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {INFERENCE: ("inference",), MANAGEMENT: ("management",), METRICS: ("metrics",)}),
        ({"enable_metrics_api": "false"}, {INFERENCE: ("inference",), MANAGEMENT: ("management",)}),
        (
            {"management_address": INFERENCE},
            {INFERENCE: ("inference", "management", "metrics"), METRICS: ("metrics",)},
        ),
        (
            {"management_address": INFERENCE, "enable_metrics_api": "false"},
            {INFERENCE: ("inference", "management")},
        ),
        ({"metrics_address": MANAGEMENT}, {INFERENCE: ("inference",), MANAGEMENT: ("management", "metrics")}),
    ],
)
def test_apis_that_name_one_address_share_it(
    settings: dict[str, Any], expected: dict[ListenAddress, tuple[str, ...]]
) -> None:
    assert addresses(Settings(**settings)) == expected
