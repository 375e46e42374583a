from pathlib import Path
from typing import Any

import pytest

from tests.support.serving import serving

pytestmark = pytest.mark.anyio


async def test_archives_have_metadata_and_readiness(store: Path, archive: Any) -> None:
    archive("echo", "def handle(data, context):\n    return [row['body'] for row in data] if data else None\n")
    async with serving(store, "echo.mar", one_port=True) as client:
        await client.manage("PUT", "/models/echo", min_worker=1, synchronous="true")
        assert (await client.http.get("/v2/models/echo")).json()["versions"] == ["1.0"]
        assert (await client.http.get("/v2/models/echo/versions/1.0/ready")).json() == {"name": "echo", "ready": True}
        assert (await client.http.get("/v2/models/none/ready")).status_code == 404
        answer = await client.http.post("/v2/models/echo/versions/1.0/infer", json={"inputs": []})
        assert answer.json() == {"inputs": []}
        await client.application.registry.get("echo").choose().scale(0, 0)  # type: ignore[union-attr]
        assert (await client.http.get("/v2/models/echo/ready")).status_code == 503
