from pathlib import Path
from typing import Any

import pytest

from tests.support.repositories import copy_models, serving_repository

pytestmark = pytest.mark.anyio


async def test_settings_are_read_and_changed(tmp_path: Path) -> None:
    async with serving_repository(copy_models(tmp_path / "repository", "add_sub")) as client:

        async def post(path: str, values: Any) -> tuple[int, Any]:
            answer = await client.http.post(f"/v2/{path}", json=values)
            return answer.status_code, answer.json()

        before = (await client.http.get("/v2/logging")).json()
        assert await post("logging", {"log_verbose_level": 2}) == (200, {**before, "log_verbose_level": 2})
        assert await post("logging", {"log_verbose_level": 0}) == (200, before)
        assert (await post("logging", {"log_info": 3}))[0] == 500
        assert (await post("models/add_sub/trace/setting", {"trace_rate": "3"}))[1]["trace_rate"] == "3"
        assert (await client.http.get("/v2/trace/setting")).json()["trace_rate"] == "1000"
        assert (await post("models/none/trace/setting", {}))[0] == 400


async def test_regions_are_listed(tmp_path: Path) -> None:
    async with serving_repository(copy_models(tmp_path / "repository", "add_sub")) as client:
        for kind in ("system", "cuda"):
            assert (await client.http.get(f"/v2/{kind}sharedmemory/status")).json() == []
            assert (await client.http.post(f"/v2/{kind}sharedmemory/unregister")).status_code == 200
        refused = await client.http.post("/v2/systemsharedmemory/region/r/register", json={"byte_size": 8})
        assert "has no 'key' field" in refused.json()["error"]
