"""Management over values: what HTTP and gRPC both serialize."""

from pathlib import Path

import pytest

from app.api.management import models
from app.api.management.description import DESCRIBE
from app.errors import BadRequest
from model_registry.errors import ModelNotFound, NoWorkerToDescribe, VersionNotFound
from tests.conftest import MakeArchive
from tests.support.serving import serving

pytestmark = pytest.mark.anyio
SERVES = "def handle(data, context):\n    return ['served'] * len(data or [])\n"


@pytest.fixture(autouse=True)
def model(archive: MakeArchive) -> None:
    archive("m", SERVES)


async def test_models_are_listed_in_pages(store: Path, archive: MakeArchive) -> None:
    archive("n", SERVES)
    async with serving(store, "m.mar", "n.mar") as client:
        registry = client.application.registry
        first = models.list_models(registry, {"limit": 1})
        assert first == {"nextPageToken": "1", "models": [{"modelName": "m", "modelUrl": "m.mar"}]}
        second = models.list_models(registry, {"limit": 2, "next_page_token": first["nextPageToken"]})
        assert second == {"nextPageToken": None, "models": [{"modelName": "n", "modelUrl": "n.mar"}]}


async def test_what_is_not_there_raises_the_registrys_errors(store: Path) -> None:
    async with serving(store, "m.mar") as client:
        registry = client.application.registry
        with pytest.raises(ModelNotFound):
            models.describe_model(registry, "none", None)
        with pytest.raises(VersionNotFound):
            models.describe_model(registry, "m", "2.0")
        with pytest.raises(VersionNotFound):
            await models.unregister_model(registry, "m", "2.0")


async def test_a_change_that_is_under_way_is_confirmed_with_202(store: Path) -> None:
    async with serving(store) as client:
        registry = client.application.registry
        parameters = {"url": "m.mar", "initial_workers": 1, "synchronous": False}
        assert await models.register_model(registry, parameters) == ("Processing worker updates...", 202)
        assert await models.scale_workers(registry, "m", None, {"synchronous": True}) == (
            "Workers scaled to 1 for model: m", 200
        )  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"min_worker": 2, "max_worker": 1}, "max_worker cannot be less than min_worker."),
        ({"min_worker": -1}, "min_worker cannot be negative."),
    ],
)
async def test_numbers_of_workers_that_make_no_sense_are_refused(
    store: Path, parameters: dict[str, int], message: str
) -> None:
    async with serving(store, "m.mar") as client:
        with pytest.raises(BadRequest) as caught:
            await models.scale_workers(client.application.registry, "m", None, parameters)
        assert str(caught.value) == message


async def test_an_archive_needs_a_url(store: Path) -> None:
    async with serving(store) as client:
        with pytest.raises(BadRequest, match="Parameter url is required"):
            await models.register_model(client.application.registry, {})


async def test_no_worker_can_describe_a_model_that_has_none(store: Path) -> None:
    async with serving(store, "m.mar") as client:
        await client.manage("PUT", "/models/m", min_worker=0)
        with pytest.raises(NoWorkerToDescribe):
            await models.describe_customized(client.application.registry, "m", None, DESCRIBE, "id")
