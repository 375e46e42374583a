from pathlib import Path
from typing import Any

import pytest

from tests.support.repositories import ADD_SUB, copy_models, serving_repository

pytestmark = pytest.mark.anyio

ECHO = "def handle(data, context):\n    return [row['body'] for row in data] if data else None\n"


async def test_repository_is_served_beside_archives(tmp_path: Path, archive: Any) -> None:
    archive("echo", ECHO)
    repository = copy_models(tmp_path / "repository", "add_sub")
    async with serving_repository(repository, "echo.mar") as client:
        await client.application.registry.get("echo").choose().scale(1, 1)  # type: ignore[union-attr]
        answer = (await client.http.post("/v2/models/add_sub/infer", json=ADD_SUB)).json()
        assert answer["outputs"][0]["data"] == [2.0, 3.0, 4.0, 5.0]
        assert (await client.predict("echo", {"a": 1})).json() == {"a": 1}
        assert (await client.http.post("/v2/models/echo/infer", json={"inputs": []})).json() == {"inputs": []}
        assert (await client.http.get("/v2/models/echo")).json()["platform"] == "archive"
        assert (await client.http.get("/v2/models/echo/ready")).status_code == 200
        listed = (await client.http.get("/models")).json()["models"]
        assert [model["modelName"] for model in listed] == ["add_sub", "echo"]
        assert (await client.describe("add_sub"))["runtime"] == "python"
        refused = await client.predict("add_sub", {})
        assert refused.status_code == 400
        assert "/v2/models/add_sub/infer" in refused.json()["message"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v2/models/none", 404), ("POST", "/v2/models/none/infer", 404), ("PUT", "/v2/models/add_sub/infer", 405),
     ("GET", "/v2/models/add_sub/config", 200), ("GET", "/v2/models/add_sub/stats", 200), ("GET", "/v2", 200),
     ("GET", "/v2/health/live", 200), ("GET", "/v2/health/ready", 200), ("GET", "/v2/models/none/ready", 400)],
)  # fmt: skip
async def test_statuses_of_the_protocol(tmp_path: Path, method: str, path: str, status: int) -> None:
    async with serving_repository(copy_models(tmp_path / "repository", "add_sub")) as client:
        assert (await client.http.request(method, path)).status_code == status


async def test_traffic_rules_and_defaults_choose_the_version(tmp_path: Path) -> None:
    request = {"inputs": [{"name": "IN", "shape": [1], "datatype": "INT32", "data": [1]}]}
    async with serving_repository(copy_models(tmp_path / "repository", "versions_all")) as client:

        async def version(path: str = "", **headers: str) -> str:
            answer = await client.http.post(f"/v2/models/versions_all{path}/infer", json=request, headers=headers)
            return str(answer.json()["model_version"])

        assert await version() == "10"
        condition = {"header": "x-group", "value": "new", "version": "3"}
        rules = await client.http.put("/models/versions_all/traffic", json={"conditions": [condition]})
        assert rules.status_code == 200, rules.text
        assert (await version(**{"x-group": "new"}), await version(), await version("/versions/2")) == ("3", "10", "2")
        await client.http.delete("/models/versions_all/traffic")
        await client.http.put("/models/versions_all/2/set-default")
        assert await version() == "2"
