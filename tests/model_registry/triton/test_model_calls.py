"""Calls of models to the server, from a thread of theirs."""

import asyncio
from typing import Any

import pytest

from handler.tensors.errors import Code, TensorError
from handler.tensors.requests import TensorRequest, TensorResponse
from model_registry.triton.model_calls import LoopCalls, Models
from model_registry.triton.model_states import ModelStates

pytestmark = pytest.mark.anyio


class NoModels(Models):
    """A server whose repositories are empty, and which refuses to load."""

    def find(self, name: str, number: int = -1) -> Any:
        return ModelStates().find(name, number)

    def is_model_ready(self, name: str, number: int = -1) -> bool:
        return number == 3

    async def load_model(self, name: str, override: Any = None) -> None:
        raise TensorError(f"no {name}: {override.config}", Code.UNAVAILABLE)


async def test_an_unknown_model_is_answered_not_raised() -> None:
    calls, answered = LoopCalls(asyncio.get_running_loop(), NoModels()), asyncio.Queue[tuple[TensorResponse, bool]]()

    def receive(response: TensorResponse, is_final: bool) -> None:
        answered.put_nowait((response, is_final))

    await asyncio.to_thread(calls.infer, "m", -1, TensorRequest([]), receive, decoupled=False)
    response, is_final = await answered.get()
    assert response.error is not None
    assert (response.error.code, is_final) == (Code.INTERNAL, True)
    assert "Failed for execute the inference request. Model 'm' is not ready." in response.error.message


async def test_errors_of_a_load_reach_the_model() -> None:
    calls = LoopCalls(asyncio.get_running_loop(), NoModels())
    with pytest.raises(TensorError, match="no m: text"):
        await asyncio.to_thread(calls.load, "m", "text", {})


async def test_versions_are_numbers() -> None:
    calls = LoopCalls(asyncio.get_running_loop(), NoModels())
    assert (calls.is_ready("m", "3"), calls.is_ready("m", "")) == (True, False)
    with pytest.raises(TensorError, match="has to be a number, not 'x'"):
        calls.is_ready("m", "x")
