"""The generate extension: one JSON object in, one out, or events."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from app.application import create_apps
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


async def test_variable_dimensions_take_what_fixed_ones_leave(tmp_path: Path) -> None:
    status, text = await ask(tmp_path, "add_sub", "generate", {"INPUT0": [1] * 8, "INPUT1": [2] * 8})
    assert (status, json.loads(text)["OUTPUT0"]) == (200, [3.0] * 8)


@pytest.mark.parametrize(("body", "status", "words"), [
    ([], 500, "attempt to get members for non-object"),
    ({"INPUT0": {}}, 400, "The schema can not convert input 'INPUT0' to tensor with proper shape"),
    ({"INPUT0": [1, 2]}, 400, "The schema can not convert input 'INPUT0' to tensor with proper shape"),
    ({"INPUT0": [1, 2, 3, "x"]}, 500, "Unable to parse 'data': attempt to access JSON non-number as double"),
    ({**ONE, "id": 1}, 500, "Unable to parse 'id': attempt to access JSON non-string as string"),
    ({**ONE, "a": None}, 400, "parameter 'a' has invalid type. It should be either 'int', 'bool', or 'string'."),
    ({**ONE, "parameters": 1}, 500, "Expected JSON object for keyword: 'parameters': attempt to access JSON non-"),
    ({"parameters": {"a": []}}, 400, "Converting keyword: 'parameters': parameter 'a' has invalid type."),
    ({**ONE, "parameters": ONE}, 400, "Converting keyword: 'parameters': [request id: <id_unknown>] input 'INPUT0' "),
])  # fmt: skip
async def test_wrong_bodies_are_refused(tmp_path: Path, body: Any, status: int, words: str) -> None:
    answered, text = await ask(tmp_path, "add_sub", "generate", body)
    assert (answered, json.loads(text)["error"][: len(words)]) == (status, words)


async def test_members_that_are_no_inputs_are_parameters(tmp_path: Path) -> None:
    given = {"MODE": "x", "sequence_id": 7, "priority": "low", "id": "i", "parameters": {"b": 2.5}}
    status, text = await ask(tmp_path, "parameters", "generate", given)
    seen = json.loads(json.loads(text)["JSON"])
    assert (status, seen) == (200, {"sequence_id": 7, "priority": "low", "id": "i", "b": 2.5})


ENDLESS = """
import pathlib
import time

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        (request,) = requests
        sender = request.get_response_sender()
        sender.send(pb_utils.InferenceResponse([pb_utils.Tensor("OUT", np.array([1], np.int32))]))
        while not sender.is_cancelled():
            time.sleep(0.001)
        (pathlib.Path(__file__).parent / "cancelled").touch()
        sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
"""


async def test_a_client_that_leaves_after_an_event_cancels_the_request(tmp_path: Path) -> None:
    folder = tmp_path / "repository" / "endless" / "1"
    folder.mkdir(parents=True)
    (folder / "model.py").write_text(ENDLESS)
    (folder.parent / "config.pbtxt").write_text(
        'backend: "python" input { name: "IN" data_type: TYPE_INT32 dims: 1 } '
        'output { name: "OUT" data_type: TYPE_INT32 dims: 1 } model_transaction_policy { decoupled: true }'
    )
    leaving = asyncio.Event()
    coming = [{"type": "http.request", "body": b'{"IN": 1}', "more_body": False}]

    async def receive() -> Any:
        if coming:
            return coming.pop()
        await leaving.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message.get("body"):
            leaving.set()

    async with serving_repository(folder.parents[1]) as client:
        (app,) = create_apps(client.application).values()
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
            "path": "/v2/models/endless/generate_stream", "raw_path": b"/v2/models/endless/generate_stream",
            "query_string": b"", "root_path": "", "headers": [], "client": ("127.0.0.1", 5), "server": ("server", 80),
        }  # fmt: skip
        async with asyncio.timeout(60):
            await app(scope, receive, send)
            while not (folder / "cancelled").exists():
                await asyncio.sleep(0.001)
