"""All kinds of versions look alike to protocols."""

from pathlib import Path

import pytest

from model_registry.tensors.served_tensors import ServedTensors
from tests.support.repositories import copy_models, serving_repository

pytestmark = pytest.mark.anyio


async def test_models_and_ensembles_have_a_name_a_version_and_facts(tmp_path: Path) -> None:
    async with serving_repository(copy_models(tmp_path / "repository", "add_sub", "ens_math")) as client:
        repositories = client.application.repositories
        assert repositories is not None
        for name in ("add_sub", "ens_math"):
            served: ServedTensors = repositories.states.find(name)
            assert (served.name, served.version, served.model.signature.model) == (name, "1", name)
