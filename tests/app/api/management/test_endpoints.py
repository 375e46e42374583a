"""The management API over HTTP: methods, paths, and the words of confirmations."""

from pathlib import Path

import pytest

from tests.conftest import MakeArchive
from tests.support.serving import serving

pytestmark = pytest.mark.anyio
DESCRIBES = """
    def handle(data, context):
        if data is None:
            return None
        if context.get_request_header(0, "describe") == "True":
            context.set_response_header(0, "X-Own", "1")
            return [{"labels": ["a", "b"]}]
        return ["served"] * len(data)
"""


@pytest.fixture(autouse=True)
def models(archive: MakeArchive) -> None:
    archive("m", DESCRIBES)
    archive("m", DESCRIBES, version="2.0", file="m2.mar")


async def test_a_models_life(store: Path) -> None:
    async with serving(store, one_port=True) as client:

        async def confirmed(method: str, path: str, **query: object) -> str:
            answer = (await client.manage(method, path, **query)).json()
            assert "status" in answer, answer
            return answer["status"]  # type: ignore[no-any-return]

        registered = 'Model "m" Version: 1.0 registered with 1 initial workers'
        assert await confirmed("POST", "/models", url="m.mar", initial_workers=1) == registered
        assert await confirmed("POST", "/models", url="m2.mar", synchronous="true", initial_workers=0) == (
            'Model "m" Version: 2.0 registered with 0 initial workers. '
            "Use scale workers API to add workers for the model."
        )
        scaled = "Workers scaled to 1 for model: m, version: 2.0"
        assert await confirmed("PUT", "/models/m/2.0", min_worker=1, synchronous="true") == scaled
        assert await confirmed("PUT", "/models/m", min_worker=1) == "Processing worker updates..."
        assert await confirmed("PUT", "/models/m/2.0/set-default") == (
            'Default version successfully updated for model "m" to "2.0"'
        )
        assert [each["modelVersion"] for each in (await client.http.get("/models/m/all")).json()] == ["1.0", "2.0"]
        assert (await client.describe("m"))["modelVersion"] == "2.0"
        assert await confirmed("DELETE", "/models/m/1.0") == 'Model "m" unregistered'
        assert (await client.http.get("/v1/models/m")).json() == {"name": "m", "ready": True}


async def test_a_handlers_own_description_is_added_with_its_headers(store: Path) -> None:
    async with serving(store, "m.mar") as client:
        answer = await client.http.get("/models/m?customized=true")
        assert answer.json()[0]["customizedMetadata"] == {"labels": ["a", "b"]}
        assert (answer.headers["x-own"], answer.headers["content-type"]) == ("1", "application/json")


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "/models"), ("HEAD", "/models"), ("POST", "/models/m"), ("DELETE", "/models/m/1.0/set-default"),
     ("POST", "/v1/models/m")],
)  # fmt: skip
async def test_a_method_that_a_path_does_not_have_is_not_allowed(store: Path, method: str, path: str) -> None:
    async with serving(store, "m.mar", one_port=True) as client:
        assert (await client.http.request(method, path)).status_code == 405


async def test_models_are_neither_registered_nor_unregistered_where_the_model_api_is_off(store: Path) -> None:
    async with serving(store, "m.mar", enable_model_api="false", one_port=True) as client:
        for method, path in (("POST", "/models?url=m2.mar"), ("DELETE", "/models/m"), ("DELETE", "/models/m/1.0")):
            answer = await client.http.request(method, path)
            assert (answer.status_code, answer.json()["type"]) == (405, "MethodNotAllowedException")
        assert (await client.http.get("/models/m")).status_code == 200


@pytest.mark.parametrize(("method", "path"), [("GET", "/models/m/1.0/other"), ("GET", "/models/m/a/b/c")])
async def test_deeper_paths_are_no_resource(store: Path, method: str, path: str) -> None:
    async with serving(store, "m.mar") as client:
        answer = await client.http.request(method, path)
        assert (answer.status_code, answer.json()["type"]) == (404, "ResourceNotFoundException")
