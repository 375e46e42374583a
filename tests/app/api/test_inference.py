"""Every URL of a prediction, and what the handler sees of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeArchive
from tests.support.serving import serving

pytestmark = pytest.mark.anyio
SHOWS = """
    def handle(data, context):
        if data is None:
            return None
        names = ("explain", "url_path")
        shown = {name: context.get_request_header(0, name) for name in names}
        return [{**shown, "parts": sorted(row), "version": context.manifest["model"]["modelVersion"]} for row in data]
"""


@pytest.fixture(autouse=True)
def shows(archive: MakeArchive) -> None:
    archive("shows", SHOWS)


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/predictions/shows", {"explain": "False", "url_path": "", "parts": ["body"]}),
        ("/predictions/shows/1.0", {"explain": "False", "url_path": "", "parts": ["body"]}),
        ("/predictions/shows/1.0/a//b/", {"explain": "False", "url_path": "a//b", "parts": ["body"]}),
        ("/explanations/shows", {"explain": "True", "url_path": "", "parts": ["body"]}),
        ("/explanations/shows/1.0", {"explain": "True", "url_path": "", "parts": ["body"]}),
        ("/v1/models/shows:predict", {"explain": "False", "url_path": None, "parts": ["body"]}),
        ("/v1/models/shows:explain", {"explain": "True", "url_path": None, "parts": ["body"]}),
        ("/v2/models/shows/infer", {"explain": "False", "url_path": None, "parts": ["body"]}),
        ("/v2/models/shows/explain", {"explain": "True", "url_path": None, "parts": ["body"]}),
        ("/shows/predict?q=1", {"explain": None, "url_path": None, "parts": ["body", "q"]}),
        ("/shows/1.0/predict?q=1", {"explain": None, "url_path": None, "parts": ["body", "q"]}),
        ("/models/shows/invoke?q=1", {"explain": None, "url_path": None, "parts": ["body", "q"]}),
        ("/invocations?q=1", {"explain": None, "url_path": None, "parts": ["body", "q"]}),
    ],
)
async def test_a_model_predicts_under_each_of_torchserves_urls(store: Path, path: str, seen: dict[str, Any]) -> None:
    async with serving(store, "shows.mar") as client:
        for method in ("POST", "GET"):
            answer = await client.http.request(method, path, json=1)
            assert json.loads(answer.content) == {**seen, "version": "1.0"}


async def test_invocations_find_the_model_in_a_form_where_none_was_loaded_at_start(store: Path) -> None:
    async with serving(store) as client:
        await client.register("shows.mar")
        assert (await client.http.post("/invocations", json=1)).status_code == 400
        assert (await client.http.post("/invocations", data={"model_name": "shows"})).status_code == 200
        assert (await client.http.post("/invocations?model_name=none", data={"model_name": "shows"})).status_code == 404


@pytest.mark.parametrize(("models", "status"), [(("shows.mar",), 200), ((), 404)])
async def test_an_empty_name_means_the_only_model_loaded_at_start(
    store: Path, models: tuple[str, ...], status: int
) -> None:
    async with serving(store, *models) as client:
        for path in ("/invocations?model_name=", "/invocations?model_name", "/invocations?model_name=&model_name=none"):
            assert (await client.http.post(path, data={"model_name": "shows"})).status_code == status


@pytest.mark.parametrize("path", ["/predictions/shows/2.0", "/v1/models/none:predict", "/predictions//1.0"])
async def test_what_is_not_there_is_named(store: Path, path: str) -> None:
    async with serving(store, "shows.mar") as client:
        answer = await client.http.post(path, json=1)
        assert (answer.status_code, answer.json()["type"][:5]) == (404, "Model")


@pytest.mark.parametrize("path", ["/predictions", "/v1/models/shows:other", "/v2/models/shows", "/invocations/shows"])
async def test_other_paths_are_no_resource(store: Path, path: str) -> None:
    async with serving(store, "shows.mar") as client:
        answer = await client.http.post(path, json=1)
        assert answer.status_code in (404, 405)


async def test_ping_answers_below_its_path_too(store: Path) -> None:
    async with serving(store) as client:
        assert (await client.http.delete("/ping/anything")).json() == {"status": "Healthy"}
