"""Versions of ensembles: their steps answer, and they end when nothing is under way."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handler.tensors.errors import Code, TensorError
from handler.tensors.requests import TensorRequest, TensorResponse
from handler.tensors.tensor import Tensor
from model_registry.errors import TensorsWanted
from model_registry.tensors.ensemble_version import SEQUENCE_PARAMETERS, EnsembleVersion
from tests.support.repositories import copy_models, serving_repository
from tests.support.tensor_models import FP32

pytestmark = pytest.mark.anyio
REQUEST = TensorRequest([Tensor.of_array(name, FP32, np.ones((1, 4), np.float32)) for name in "ABC"])


async def test_an_ensemble_answers_by_its_steps_and_ends_idle(tmp_path: Path) -> None:
    async with serving_repository(copy_models(tmp_path / "repository", "add_sub", "ens_math")) as client:
        repositories = client.application.repositories
        assert repositories is not None
        version: Any = repositories.states.find("ens_math")
        assert isinstance(version, EnsembleVersion)
        assert version.is_ready
        future: asyncio.Future[TensorResponse] = asyncio.get_running_loop().create_future()
        run = version.submit_tensors(REQUEST, lambda response, is_final: future.set_result(response))
        response = await future
        assert {each.name: each.array.tolist() for each in response.outputs} == {
            "PLUS": [[3, 3, 3, 3]],
            "MINUS": [[1, 1, 1, 1]],
        }
        assert response.parameters == SEQUENCE_PARAMETERS
        assert "0 steps under way" in repr(run)
        assert await version.drain(1)
        assert not version.is_ready
        with pytest.raises(TensorError, match="takes no more requests") as refused:
            version.submit_tensors(REQUEST, lambda *response: None)
        assert refused.value.code == Code.UNAVAILABLE
        with pytest.raises(TensorsWanted):
            version.submit()
