"""The contract inside one process: what the platform meets, and what it does not. tests/deploy plays the platform."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from app.application import create_app
from app.settings.loading import marserve_settings
from tests.conftest import MakeArchive

pytestmark = pytest.mark.anyio
ECHO = "def handle(data, context):\n    return data and [row['body'] for row in data]\n"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "models").mkdir()
    return folder


@asynccontextmanager
async def endpoint(base: Path, monkeypatch: pytest.MonkeyPatch, **environ: str) -> AsyncIterator[httpx2.AsyncClient]:
    variables = {"SAGEMAKER_BASE_DIR": str(base), "SAGEMAKER_BIND_TO_PORT": "8080", **environ}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    app = create_app(marserve_settings(variables, base, authorization="management"))
    async with app.router.lifespan_context(app):
        await app.state.model_server.registry.started.wait()
        transport = httpx2.ASGITransport(app, client=("10.0.0.1", 50000))
        async with httpx2.AsyncClient(transport=transport, base_url="http://container", timeout=60) as client:
            yield client


async def test_nothing_but_the_contract_is_there(
    tmp_path: Path, archive: MakeArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive("echo", ECHO)
    async with endpoint(tmp_path, monkeypatch) as client:
        while (await client.get("/ping")).status_code != 200:
            pass
        assert (await client.post("/invocations", content=b"x")).content == b"x"
        assert (await client.get("/metrics")).status_code == 200
        for path in ("/models", "/workflows", "/console", "/models/echo", "/docs"):
            assert (await client.get(path)).status_code == 404, path


async def test_a_model_that_is_not_loaded_does_not_end_the_others(
    tmp_path: Path, archive: MakeArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = archive("broken", "raise ValueError('broken')\n", file="../broken.mar")
    folder = tmp_path / "models" / "1" / "model"
    folder.mkdir(parents=True)
    broken.rename(folder / "broken.mar")
    async with endpoint(tmp_path, monkeypatch, SAGEMAKER_MULTI_MODEL="true") as client:
        answer = await client.post("/models", json={"model_name": "1", "url": str(folder)})
        assert answer.status_code == 500
        assert (await client.get("/models/1")).status_code == 404
        assert (await client.get("/ping")).status_code == 200
        missing = await client.post("/models", json={"model_name": "1", "url": str(folder / "none")})
        assert missing.status_code == 404
        assert (await client.post("/models", json={"url": str(folder)})).status_code == 400
        assert (await client.post("/models", content=b"{", headers={"content-type": "application/json"})).is_error
