from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.serving import Client, serving
from tests.support.tensor_models import write_add_sub

pytestmark = pytest.mark.anyio
HANDLER = """
from ts.utils.util import PredictionException
class Doubles:
    def initialize(self, context):
        pass
    def handle(self, data, context):
        if "x" not in data[0]:
            return [str(row["body"]) for row in data]
        first = float(data[0]["x"].flat[0])
        if first == -1:
            raise PredictionException("negative", 404)
        if first == -2:
            return [{"y": row["x"]} for row in data]
        return [{"y": row["x"] * 2, "rows": [len(data)]} for row in data]
"""
CONFIG = """
batchSize: 4
maxBatchDelay: 200
jobQueueSize: 8
isolation: {isolation}
tensors:
  inputs: [{{name: x, datatype: FP32, shape: [-1, 3]}}]
  outputs: [{{name: y, datatype: FP32, shape: [-1, 3]}}, {{name: rows, datatype: INT32, shape: [-1, 1]}}]
"""


@asynccontextmanager
async def served(store: Path, archive: Any, isolation: str = "thread") -> AsyncIterator[Client]:
    archive("m", HANDLER, config=CONFIG.format(isolation=isolation))
    async with serving(store, "m.mar", one_port=True) as client:
        await client.application.registry.get("m").choose().scale(1, 1)  # type: ignore[union-attr]
        yield client


async def ask(client: Client, values: Any, **options: Any) -> Any:
    given = np.asarray(values, np.float32)
    tensor = {"name": "x", "datatype": "FP32", "shape": given.shape, "data": given.ravel().tolist()}
    return await client.http.post("/v2/models/m/infer", json={"inputs": [tensor], **options})


@pytest.mark.parametrize("isolation", ["thread", "process"])
async def test_rows_of_tensors_are_rows_of_the_handler(store: Path, archive: Any, isolation: str) -> None:
    async with served(store, archive, isolation) as client:
        answer = (await ask(client, [[1, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11, 12]])).json()
        doubled, rows = answer["outputs"]
        assert doubled["shape"] == [4, 3]
        assert doubled["data"] == [2.0 * value for value in range(1, 13)]
        assert (rows["datatype"], rows["data"]) == ("INT32", [4] * 4)
        plain = await client.http.post("/predictions/m", content=b"text", headers={"content-type": "text/plain"})
        assert plain.text == "text"


async def test_binary_tensors_are_read_and_written(store: Path, archive: Any) -> None:
    async with served(store, archive) as client:
        head = (
            b'{"inputs":[{"name":"x","datatype":"FP32","shape":[1,3],"parameters":{"binary_data_size":12}}],'
            b'"outputs":[{"name":"y","parameters":{"binary_data":true}}]}'
        )
        body = head + np.float32([1, 2, 3]).tobytes()
        answer = await client.http.post(
            "/v2/models/m/infer", content=body, headers={"inference-header-content-length": str(len(head))}
        )
        length = int(answer.headers["inference-header-content-length"])
        assert np.frombuffer(answer.content[length:], np.float32).tolist() == [2, 4, 6]


@pytest.mark.parametrize(
    ("values", "status", "words"),
    [([[1, 2]], 400, "unexpected shape"), ([[1, 2, 3]] * 9, 400, "batch-size must be <= 8"),
     ([[-1, 0, 0]], 404, "negative"), ([[-2, 0, 0]], 500, "no output 'rows'")],
)  # fmt: skip
async def test_mistakes_are_said(store: Path, archive: Any, values: Any, status: int, words: str) -> None:
    async with served(store, archive) as client:
        answer = await ask(client, values)
        assert answer.status_code == status
        assert words in answer.json()["error"]


async def test_metadata_names_the_tensors(store: Path, archive: Any) -> None:
    async with served(store, archive) as client:
        described = (await client.http.get("/v2/models/m")).json()
        assert described["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 3]}]
        assert [tensor["name"] for tensor in described["outputs"]] == ["y", "rows"]


async def test_bare_onnx_model_needs_no_declaration(store: Path) -> None:
    write_add_sub(store / "net.onnx")
    async with serving(store, "net.onnx", one_port=True, given_archives={"net.onnx": store / "net.onnx"}) as client:
        await client.application.registry.get("net").choose().scale(1, 1)  # type: ignore[union-attr]
        assert [each["name"] for each in (await client.http.get("/v2/models/net")).json()["inputs"]] == ["A", "B"]
        tensors = [{"name": name, "datatype": "FP32", "shape": [2, 4], "data": [3] * 8} for name in "AB"]
        answer = (await client.http.post("/v2/models/net/infer", json={"inputs": tensors})).json()
        assert answer["outputs"][0] == {"name": "SUM", "datatype": "FP32", "shape": [2, 4], "data": [6.0] * 8}
        plain = await client.predict("net", {name: [1, 2, 3, 4] for name in "AB"})
        assert plain.json()["SUM"] == [2, 4, 6, 8]


async def test_archive_without_tensors_says_so(store: Path, archive: Any) -> None:
    archive("plain", "def handle(data, context):\n    return [1 for row in data] if data else None\n")
    async with serving(store, "plain.mar", one_port=True) as client:
        refused = await client.http.post(
            "/v2/models/plain/infer", content=b"{}xx", headers={"inference-header-content-length": "2"}
        )
        assert refused.status_code == 400
        assert "model-config.yaml" in refused.json()["error"]
