import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.serving import serving, until_loaded

pytestmark = pytest.mark.anyio


async def test_archives_have_metadata_and_readiness(store: Path, archive: Any) -> None:
    archive("echo", "def handle(data, context):\n    return [row['body'] for row in data] if data else None\n")
    async with serving(store, "echo.mar", one_port=True) as client:
        await until_loaded(client.application)
        assert (await client.http.get("/v2/models/echo")).json()["versions"] == ["1.0"]
        assert (await client.http.get("/v2/models/echo/versions/1.0/ready")).json() == {"name": "echo", "ready": True}
        assert (await client.http.get("/v2/models/none/ready")).status_code == 404
        answer = await client.http.post("/v2/models/echo/versions/1.0/infer", json={"inputs": []})
        assert answer.json() == {"inputs": []}
        await client.application.registry.get("echo").choose().scale(0, 0)  # type: ignore[union-attr]
        assert (await client.http.get("/v2/models/echo/ready")).status_code == 503


DOUBLES = """
    def handle(data, context):
        return [{"y": row["x"] * 2} for row in data] if data else None
"""
TENSORS = """
    batchSize: 4
    maxBatchDelay: 20
    minWorkers: 1
    tensors:
      inputs: [{name: x, datatype: FP32, shape: [-1, 2]}]
      outputs: [{name: y, datatype: FP32, shape: [-1, 2]}]
"""


@pytest.mark.parametrize("version", ["", "/versions/1.0"])
async def test_archives_of_tensors_are_described_and_generate(store: Path, archive: Any, version: str) -> None:
    archive("doubles", DOUBLES, config=TENSORS)
    async with serving(store, "doubles.mar", one_port=True) as client:
        path = f"/v2/models/doubles{version}"
        await client.manage("PUT", "/models/doubles", min_worker=1, synchronous="true")
        generated = await client.http.post(f"{path}/generate", json={"x": [1, 2], "id": "7"})
        assert (generated.status_code, generated.json()["y"], generated.json()["id"]) == (200, [2.0, 4.0], "7")
        events = await client.http.post(f"{path}/generate_stream", json={"x": [1, 2]})
        assert events.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert json.loads(events.text.removeprefix("data: "))["y"] == [2.0, 4.0]
        (statistics,) = (await client.http.get(f"{path}/stats")).json()["model_stats"]
        assert (statistics["inference_count"], statistics["inference_stats"]["success"]["count"]) == (2, 2)
        config = (await client.http.get(f"{path}/config")).json()
        assert config["input"] == [{"name": "x", "data_type": "TYPE_FP32", "dims": [2]}]
        assert config["dynamic_batching"] == {"preferred_batch_size": [4], "max_queue_delay_microseconds": 20000}
        wrong = await client.http.post(f"{path}/generate", json={"x": [1, 2, 3]})
        assert (wrong.status_code, "can not convert input 'x'" in wrong.json()["error"]) == (400, True)
        assert (await client.http.post(f"{path}/generate", content=b"{")).status_code == 500


@pytest.mark.parametrize(("method", "call"), [("GET", "stats"), ("POST", "generate"), ("POST", "generate_stream")])
async def test_archives_without_tensors_name_the_remedy(store: Path, archive: Any, method: str, call: str) -> None:
    archive("plain", "def handle(data, context):\n    return data and ['fine'] * len(data)\n")
    async with serving(store, "plain.mar", one_port=True) as client:
        refused = await client.http.request(method, f"/v2/models/plain/{call}", json={"x": 1})
        assert (refused.status_code, "under the key tensors" in refused.json()["error"]) == (400, True)
        assert (await client.http.get("/v2/models/plain/config")).json()["input"] == []
        assert (await client.http.request(method, f"/v2/models/none/{call}", json={})).status_code == 404
