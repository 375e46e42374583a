from pathlib import Path

import pytest

from tests.support.repositories import ADD_SUB, copy_models, serving_repository

pytestmark = pytest.mark.anyio


async def test_requests_are_counted(tmp_path: Path) -> None:
    async with serving_repository(copy_models(tmp_path / "repository", "add_sub", "failing")) as client:
        assert (await client.http.post("/v2/models/add_sub/infer", json=ADD_SUB)).status_code == 200
        (counted,) = (await client.http.get("/v2/models/add_sub/versions/1/stats")).json()["model_stats"]
        assert (counted["inference_count"], counted["execution_count"]) == (1, 1)
        assert counted["inference_stats"]["success"]["count"] == 1
        assert [batch["batch_size"] for batch in counted["batch_stats"]] == [1]
        listed = (await client.http.get("/v2/models/stats")).json()["model_stats"]
        assert [each["name"] for each in listed] == ["add_sub", "failing"]


@pytest.mark.parametrize(("path", "words"), [
    ("none", "requested model 'none' is not available"),
    ("add_sub/versions/9", "requested model version is not available for model 'add_sub'"),
])  # fmt: skip
async def test_what_is_not_there_has_none(tmp_path: Path, path: str, words: str) -> None:
    async with serving_repository(copy_models(tmp_path / "repository", "add_sub")) as client:
        refused = await client.http.get(f"/v2/models/{path}/stats")
        assert (refused.status_code, refused.json()["error"]) == (400, words)
