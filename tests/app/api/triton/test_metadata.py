from pathlib import Path

import pytest

from tests.support.repositories import copy_models, serving_repository

pytestmark = pytest.mark.anyio


async def test_models_are_described(tmp_path: Path) -> None:
    async with serving_repository(copy_models(tmp_path / "repository", "add_sub", "versions_all")) as client:
        described = (await client.http.get("/v2/models/add_sub")).json()
        assert described["inputs"][0] == {"name": "INPUT0", "datatype": "FP32", "shape": [-1, 4]}
        assert (described["platform"], described["versions"]) == ("python", ["1"])
        assert (await client.http.get("/v2/models/versions_all")).json()["versions"] == ["1", "2", "3", "10"]
        assert (await client.http.get("/v2/models/versions_all/versions/2")).json()["versions"] == ["2"]
        config = (await client.http.get("/v2/models/add_sub/config")).json()
        assert (config["backend"], config["platform"], config["instance_group"][0]["count"]) == ("python", "", 1)
        ready = await client.http.get("/v2/models/versions_all/versions/9/ready")
        assert (ready.status_code, ready.json()) == (400, {"error": "Model version not ready"})
        assert "binary_tensor_data" in (await client.http.get("/v2")).json()["extensions"]
