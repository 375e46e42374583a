"""The port of a runtime: KServe's routes before TorchServe's, and models that are ready or are not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.application import create_apps
from app.model_server import ModelServer
from app.settings.types import ListenAddress
from tests.conftest import MakeArchive
from tests.support.serving import serving, until_loaded

pytestmark = pytest.mark.anyio
KSERVE = ListenAddress("http", "127.0.0.1", 8090)
ROWS = """
    def handle(data, context):
        if data is None:
            return None
        names = ("content-type", "x-tenant")
        return [[type(row).__name__, *(context.get_request_header(0, name) for name in names)] for row in data]
"""
BROKEN = "raise ValueError('no model')\n"


@asynccontextmanager
async def asking(store: Path, *models: str, **settings: Any) -> AsyncIterator[tuple[httpx2.AsyncClient, ModelServer]]:
    options = {"kserve_protocol": "v1", "kserve_address": KSERVE, "service_envelope": "kserve", **settings}
    async with serving(store, *models, **options) as client:
        app = create_apps(client.application)[KSERVE]
        transport = httpx2.ASGITransport(app, client=("127.0.0.1", 50000), raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://m", timeout=60) as http:
            yield http, client.application


async def test_header_names_and_types_reach_the_handler_as_kserve_sends_them(store: Path, archive: MakeArchive) -> None:
    archive("m", ROWS)
    async with asking(store, "m.mar") as (http, _):
        for sent in ({}, {"content-type": "application/x-www-form-urlencoded"}, {"Content-Type": "text/plain"}):
            answer = await http.post(
                "/v1/models/m:predict", content=b'{"instances":[1]}', headers={**sent, "X-Tenant": "t"}
            )
            assert answer.json() == {"predictions": [["int", "application/json", "t"]]}
            assert answer.headers["content-type"] == "application/json"
        large = await http.post("/v1/models/m:predict", json={"instances": ["x" * (1 << 19)]})
        assert large.json()["predictions"][0][0] == "str"


async def test_torchserves_own_routes_are_beside_them(store: Path, archive: MakeArchive) -> None:
    archive("m", ROWS)
    async with asking(store, "m.mar", authorization="management") as (http, _):
        assert (await http.get("/ping")).json() == {"status": "Healthy"}
        assert (await http.post("/predictions/m", json={"instances": [1]})).status_code == 200
        assert (await http.get("/v1/models/m")).json() == {"name": "m", "ready": True}
        assert (await http.put("/v1/models/m:predict", json={"instances": [1]})).status_code == 405
        assert (await http.get("/models")).status_code == 404


async def test_a_model_that_cannot_load_is_refused_at_once(store: Path, archive: MakeArchive) -> None:
    archive("m", ROWS)
    archive("broken", BROKEN)
    async with asking(store, "m.mar", "broken.mar") as (http, server):
        broken = server.registry.resolve("broken")
        while not broken.pool.is_failing:
            await asyncio.sleep(0.01)
        expected = {"error": "Model with name broken is not ready."}
        for path in ("/v1/models/broken", "/v2/models/broken/ready"):
            answer = await http.get(path)
            assert (answer.status_code, answer.json()) == (503, expected)
        for path in ("/v1/models/broken:predict", "/v1/models/broken:explain", "/v2/models/broken/infer"):
            answer = await http.post(path, content=b"not even JSON")
            assert (answer.status_code, answer.json()) == (503, expected)
        assert (await http.get("/v2/health/ready")).status_code == 503
        assert (await http.get("/v2/health/live")).json() == {"live": True}
        assert (await http.get("/v1/models")).json() == {"models": ["broken", "m"]}


async def test_requests_do_not_share_batches(store: Path, archive: MakeArchive) -> None:
    """The envelope reads the first request of a batch only."""
    archive("m", ROWS, config="batchSize: 8\nmaxBatchDelay: 50\n")
    async with asking(store, "m.mar") as (http, _):
        sent = [http.post("/v1/models/m:predict", json={"instances": [1] * size}) for size in (1, 2, 3, 4)]
        answers = await asyncio.gather(*sent)
        assert [len(answer.json()["predictions"]) for answer in answers] == [1, 2, 3, 4]


async def test_metadata(store: Path, archive: MakeArchive) -> None:
    archive("m", ROWS)
    async with asking(store, "m.mar") as (http, server):
        await until_loaded(server)
        described = {"name": "m", "versions": ["1.0"], "platform": "", "inputs": [], "outputs": []}
        assert (await http.get("/v2/models/m")).json() == described
        assert (await http.get("/v2/models/m/versions/1.0/ready")).status_code == 200
        assert (await http.get("/v2/models/m/versions/2.0/ready")).status_code == 404
        assert (await http.get("/v2")).json().keys() == {"name", "version", "extensions"}
