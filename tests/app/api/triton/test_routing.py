from pathlib import Path

import pytest

from app.triton_server import create_app
from tests.support.repositories import copy_models, serving_repository
from tests.support.serving import Client

pytestmark = pytest.mark.anyio

FOREIGN = {"origin": "http://evil.example"}


@pytest.mark.parametrize(
    "path", ["repository/index", "repository/models/add_sub/load", "logging", "trace/setting",
             "systemsharedmemory/region/r/register"],
)  # fmt: skip
async def test_pages_of_other_origins_manage_nothing(tmp_path: Path, path: str) -> None:
    async with serving_repository(copy_models(tmp_path / "repository", "add_sub")) as client:
        await _refuses(client, path)


async def test_so_it_is_where_tritonserver_serves(tmp_path: Path) -> None:
    import httpx2

    async with serving_repository(copy_models(tmp_path / "repository", "add_sub")) as client:
        transport = httpx2.ASGITransport(create_app(client.application))
        async with httpx2.AsyncClient(transport=transport, base_url="http://server") as http:
            await _refuses(Client(client.application, http), "repository/index")


async def test_management_needs_the_token_and_inference_does_not(tmp_path: Path) -> None:
    options = {"authorization": "management", "management_token": "secret"}
    async with serving_repository(copy_models(tmp_path / "repository", "add_sub"), **options) as client:
        refused = await client.http.post("/v2/repository/index")
        assert refused.status_code in (401, 403)
        assert "Authorization" in refused.json()["error"]
        allowed = await client.http.post("/v2/repository/index", headers={"authorization": "Bearer secret"})
        assert allowed.json() == [{"name": "add_sub", "version": "1", "state": "READY"}]
        assert (await client.http.get("/v2/models/add_sub/config")).status_code == 200


async def _refuses(client: Client, path: str) -> None:
    refused = await client.http.post(f"/v2/{path}", headers=FOREIGN)
    assert refused.status_code == 403
    assert "another origin" in refused.json()["error"]
    assert (await client.http.post("/v2/repository/index")).status_code == 200
