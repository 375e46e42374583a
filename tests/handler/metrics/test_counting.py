"""The metrics of a model count and time as TorchServe's do."""

from pathlib import Path

import pytest

from tests.conftest import MakeArchive
from tests.support.serving import Client, serving

pytestmark = pytest.mark.anyio

HANDLER = """
    def handle(data, context):
        if data is None:
            return None
        if context.get_request_header(0, "describe"):
            return [{"kind": "of its own"}]
        if data[0]["body"] == "raise":
            raise ValueError
        return [{1, 2}] if data[0]["body"] == "unspeakable" else ["fine"]
"""


async def families_after(client: Client, *requests: str) -> set[str]:
    """The families that have samples of the model after these requests."""
    for request in requests:
        await client.predict("m", request)
    lines = (await client.http.get("/metrics")).text.splitlines()
    return {line.partition("{")[0] for line in lines if '="m"' in line}


@pytest.mark.parametrize(
    ("request_", "timed"),
    [
        ("raise", set()),
        ("unspeakable", {"PredictionTime"}),
        ("fine", {"PredictionTime", "ts_inference_latency_microseconds", "ts_queue_latency_microseconds"}),
    ],
)
async def test_predictions_are_timed_where_they_came_to_a_result(
    store: Path, archive: MakeArchive, request_: str, timed: set[str]
) -> None:
    archive("m", HANDLER)
    async with serving(store, "m.mar", marserve_metrics="false") as client:
        assert await families_after(client, request_) == {"ts_inference_requests_total"} | timed


async def test_descriptions_are_no_predictions(store: Path, archive: MakeArchive) -> None:
    archive("m", HANDLER)
    async with serving(store, "m.mar", marserve_metrics="false") as client:
        described = await client.manage("GET", "/models/m", customized="true")
        assert described.json()[0]["customizedMetadata"] == {"kind": "of its own"}
        assert await families_after(client) == {"PredictionTime"}
