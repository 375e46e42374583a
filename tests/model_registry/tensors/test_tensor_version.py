"""Versions whose requests are tensors: checked, executed, counted, and refused when they end."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handler.tensors.errors import Code, TensorError
from handler.tensors.requests import TensorRequest, TensorResponse
from handler.tensors.tensor import Tensor
from model_registry.errors import TensorsWanted
from model_registry.tensors.tensor_version import TensorVersion
from tests.support.repositories import copy_models, serving_repository
from tests.support.tensor_models import FP32

pytestmark = pytest.mark.anyio


def request(*values: float, second: str = "INPUT1") -> TensorRequest:
    array = np.array([values], np.float32)
    return TensorRequest([Tensor.of_array(name, FP32, array) for name in ("INPUT0", second)])


async def answer(version: Any, given: TensorRequest) -> TensorResponse:
    """The only response."""
    future: asyncio.Future[TensorResponse] = asyncio.get_running_loop().create_future()
    version.submit_tensors(given, lambda response, is_final: future.set_result(response))
    return await future


async def test_a_request_is_checked_executed_and_counted(tmp_path: Path) -> None:
    async with serving_repository(copy_models(tmp_path / "repository", "add_sub")) as client:
        repositories = client.application.repositories
        assert repositories is not None
        version = repositories.states.find("add_sub")
        assert isinstance(version, TensorVersion)
        outputs = (await answer(version, request(1, 2, 3, 4))).outputs
        assert {each.name: each.array.tolist() for each in outputs} == {
            "OUTPUT0": [[2, 4, 6, 8]],
            "OUTPUT1": [[0, 0, 0, 0]],
        }
        with pytest.raises(TensorError, match="unexpected inference input 'OTHER'"):
            version.submit_tensors(request(1, 2, 3, 4, second="OTHER"), lambda *response: None)
        with pytest.raises(TensorsWanted):
            version.submit()
        assert version.early_refusal() is None


async def test_a_version_that_ends_refuses_requests(tmp_path: Path) -> None:
    async with serving_repository(copy_models(tmp_path / "repository", "add_sub")) as client:
        repositories = client.application.repositories
        assert repositories is not None
        version: Any = repositories.states.find("add_sub")
        assert await version.drain(1)
        with pytest.raises(TensorError, match="Server is stopping") as refused:
            version.submit_tensors(request(1, 2, 3, 4), lambda *response: None)
        assert refused.value.code == Code.UNAVAILABLE
