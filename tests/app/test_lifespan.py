"""From settings to a running server and back."""

import tempfile
from pathlib import Path

import pytest

from app.lifespan import running
from app.settings.model import Settings
from app.settings.types import InitialModel
from tests.conftest import MakeArchive

pytestmark = pytest.mark.anyio
SERVES = "def handle(data, context):\n    return data and ['served'] * len(data)\n"


async def test_a_server_registers_its_models_and_releases_everything_at_its_end(
    store: Path, archive: MakeArchive, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    archive("m", SERVES)
    settings = Settings(model_store=store, load_models=(InitialModel(None, "m.mar"),), authorization="off")
    async with running(settings) as server:
        await server.registry.started.wait()
        assert [version.name for version in server.registry.versions()] == ["m"]
        assert any(temporary.iterdir())
    assert [*server.registry.versions()] == []
    assert [*temporary.rglob("*.py")] == []
    assert server.deadline.remaining() <= settings.drain_timeout


async def test_an_error_inside_ends_the_server_too(store: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        async with running(Settings(model_store=store, authorization="off")) as server:
            raise ZeroDivisionError
    assert "not started" not in repr(server.deadline)
