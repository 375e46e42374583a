"""Differences from TorchServe that no other test shows; app/commands/compat/differences.toml lists them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import MakeArchive
from tests.support.serving import Client, serving

pytestmark = pytest.mark.anyio
HANDLER = """
    import logging
    from ts.metrics.metric_type_enum import MetricTypes
    RESULTS = {"circular": [], "deep": [], "number": float("inf")}
    RESULTS["circular"].append(RESULTS["circular"])
    for _ in range(100_000):
        RESULTS["deep"] = [RESULTS["deep"]]
    def handle(data, context):
        if not data:
            return None
        case = data[0]["body"]
        if case == "headers":
            context.set_response_header(0, "x-number", 1)
            context.set_response_header(0, "x-none", None)
            context.set_response_header(0, "x-control", "a\\r\\nb")
        if case == "status":
            context.set_response_status(code=99, idx=0)
        if case == "metric":
            logging.getLogger().setLevel(logging.CRITICAL)
            context.metrics.add_counter("Answers", 1)
        return [RESULTS.get(case, "done")]
"""


@pytest.fixture
async def client(store: Path, archive: MakeArchive) -> AsyncIterator[Client]:
    archive("m", HANDLER, version="1.0")
    async with serving(store, "m.mar", model_metrics_auto_detect=True) as served:
        yield served


@pytest.mark.parametrize(
    ("query", "message"),
    [({"min_worker": -1}, "min_worker cannot be negative."), ({"min_worker": 1001}, "min_worker cannot exceed 1000.")],
)
async def test_impossible_numbers_of_workers_are_refused(client: Client, query: dict[str, int], message: str) -> None:
    answer = await client.manage("PUT", "/models/m", **query)
    assert answer.status_code == 400
    assert answer.json()["message"] == message


async def test_set_default_is_no_way_to_unregister(client: Client) -> None:
    assert (await client.manage("DELETE", "/models/m/1.0/set-default")).status_code == 405
    assert (await client.describe("m"))["modelVersion"] == "1.0"


async def test_an_empty_json_body_leaves_the_query_in_force(client: Client) -> None:
    answer = await client.http.post("/models?url=nowhere.mar", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (404, "ModelNotFoundException")


async def test_headers_of_any_type_are_sent(client: Client) -> None:
    answer = await client.http.post("/predictions/m", content="headers", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.headers["x-number"]) == (200, "1")
    assert "x-none" not in answer.headers
    assert answer.headers["x-control"] == "ab"


@pytest.mark.parametrize("case", ["status", "circular", "deep"])
async def test_an_impossible_answer_is_a_503_and_the_worker_lives(client: Client, case: str) -> None:
    answer = await client.http.post("/predictions/m", content=case, headers={"Content-Type": "text/plain"})
    assert answer.status_code == 503
    after = await client.http.post("/predictions/m", content="again", headers={"Content-Type": "text/plain"})
    assert (after.status_code, after.text) == (200, "done")


async def test_metrics_are_counted_whatever_the_level_of_the_log(client: Client) -> None:
    await client.http.post("/predictions/m", content="metric", headers={"Content-Type": "text/plain"})
    assert "\nAnswers{" in (await client.http.get("/metrics")).text


async def test_an_unreadable_form_gets_plain_words(client: Client) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = await client.http.post("/predictions/m", content=b"--b\r\nnonsense", headers=headers)
    assert answer.status_code >= 400
    assert "java" not in answer.text
