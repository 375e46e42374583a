"""The models of a runtime."""

from pathlib import Path

import pytest

from app.api.kserve.models import KServeModels
from app.errors import ModelNotReady, ModelUnknown
from model_registry.errors import VersionNotFound
from tests.conftest import MakeArchive
from tests.support.serving import serving

pytestmark = pytest.mark.anyio
SERVES = "def handle(data, context):\n    return data and ['served'] * len(data)\n"


async def test_configured_models_are_known_even_where_they_could_not_be_registered(
    store: Path, archive: MakeArchive
) -> None:
    archive("m", SERVES)
    entry = {"defaultVersion": True, "minWorkers": 1, "maxWorkers": 1}
    snapshot = {
        "models": {"gone": {"1.0": {**entry, "marName": "gone.mar"}}, "m": {"1.0": {**entry, "marName": "m.mar"}}}
    }
    async with serving(store, model_snapshot=snapshot) as client:
        models = KServeModels(client.application)
        assert repr(models) == "<KServeModels gone, m>"
        assert (await client.predict("m")).status_code == 200
        assert (models.is_ready("m"), models.is_ready("gone"), models.versions("gone")) == (True, False, [])
        models.check_ready("m")
        with pytest.raises(ModelNotReady, match="Model with name gone is not ready"):
            models.check_ready("gone")
        for check in (models.is_ready, models.check_ready, models.versions):
            with pytest.raises(ModelUnknown, match="Model with name none does not exist"):
                check("none")
        with pytest.raises(VersionNotFound):
            models.is_ready("m", "9")


async def test_a_model_without_workers_is_not_ready(store: Path, archive: MakeArchive) -> None:
    archive("m", SERVES)
    async with serving(store) as client:
        await client.register("m.mar", initial_workers=0)
        with pytest.raises(ModelNotReady):
            KServeModels(client.application).check_ready("m")
