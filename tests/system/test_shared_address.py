"""Inference and management on one address, as config.properties may say: /metrics is there, and one path is lost."""

from pathlib import Path

import pytest

from app.settings.types import ListenAddress
from tests.conftest import MakeArchive
from tests.support.serving import Client, serving

pytestmark = pytest.mark.anyio
HANDLER = "def handle(data, context):\n    return ['served'] * len(data or [])\n"
ELSEWHERE = ListenAddress("http", "127.0.0.1", 8082)


async def status(client: Client, method: str, path: str) -> int:
    return (await client.http.request(method, path)).status_code


ANSWERS = {
    "GET /ping": 200,
    "GET /models": 200,
    "GET /models/echo": 200,
    "GET /models/echo/1.0": 404,  # the inference API takes the path and does not know it
    "DELETE /models/echo/1.0": 404,
    "PUT /models/echo/1.0/set-default": 200,
    "POST /models/echo/invoke": 200,
    "GET /metrics": 200,
    "GET /": 405,
}
ANSWERS_WITHOUT_A_TOKEN = {"GET /": 405, "GET /metrics": 200, "GET /ping": 400, "GET /api-description/x": 400}


@pytest.mark.parametrize(("authorization", "expected"), [("off", ANSWERS), ("all", ANSWERS_WITHOUT_A_TOKEN)])
async def test_a_shared_address_answers_as_torchserves_does(
    store: Path, archive: MakeArchive, monkeypatch: pytest.MonkeyPatch, authorization: str, expected: dict[str, int]
) -> None:
    monkeypatch.chdir(store)  # where the keys are written
    archive("echo", HANDLER)
    async with serving(store, "echo.mar", metrics_address=ELSEWHERE, authorization=authorization) as client:
        assert {call: await status(client, *call.split()) for call in expected} == expected
