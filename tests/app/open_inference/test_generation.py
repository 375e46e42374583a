"""The generate extension: one JSON object in, one out, or events."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.repositories import copy_models, serving_repository

pytestmark = pytest.mark.anyio
ONE = {"INPUT0": [1, 2, 3, 4], "INPUT1": [1, 1, 1, 1]}


async def ask(folder: Path, model: str, call: str, body: Any) -> tuple[int, str]:
    async with serving_repository(copy_models(folder / "repository", model)) as client:
        answer = await client.http.post(f"/v2/models/{model}/{call}", json=body)
        return answer.status_code, answer.text


async def test_members_are_tensors(tmp_path: Path) -> None:
    status, text = await ask(tmp_path, "add_sub", "generate", {**ONE, "id": "a"})
    assert (status, json.loads(text)["OUTPUT0"], json.loads(text)["id"]) == (200, [2.0, 3.0, 4.0, 5.0], "a")


async def test_tensors_may_be_among_the_parameters(tmp_path: Path) -> None:
    status, text = await ask(tmp_path, "add_sub", "generate", {"parameters": ONE})
    assert (status, json.loads(text)["OUTPUT1"]) == (200, [0.0, 1.0, 2.0, 3.0])


@pytest.mark.parametrize("count", [1, 3])
async def test_each_response_is_an_event(tmp_path: Path, count: int) -> None:
    status, text = await ask(tmp_path, "repeat", "generate_stream", {"IN": list(range(count))})
    events = [json.loads(event.removeprefix("data: ")) for event in text.split("\n\n") if event]
    assert (status, [event["OUT"] for event in events]) == (200, list(range(count)))


async def test_an_error_of_the_model_is_an_event_too(tmp_path: Path) -> None:
    status, text = await ask(tmp_path, "repeat", "generate_stream", {"IN": [1], "FAIL": True})
    assert (status, text.split("\n\n")[1]) == (200, 'data: {"error":"failed on purpose"}')


@pytest.mark.parametrize(("body", "status"), [([], 500), ({"INPUT0": {}}, 500), ({"INPUT0": [1, 2]}, 400)])
async def test_wrong_bodies_are_refused(tmp_path: Path, body: Any, status: int) -> None:
    answered, text = await ask(tmp_path, "add_sub", "generate", body)
    assert (answered, "error" in json.loads(text)) == (status, True)
