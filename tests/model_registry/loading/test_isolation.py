"""Archives whose sources show that threads would change their answers get processes."""

from pathlib import Path

import pytest

from model_registry.archive.archive import Archive
from model_registry.archive.manifest import Manifest
from model_registry.config import ModelConfig
from model_registry.loading.isolation import isolated
from tests.conftest import MakeArchive
from tests.support.serving import serving

FORKS = "import os\ndef handle(data, context):\n    os.fork()\n"


def opened(folder: Path, source: str) -> Archive:
    (folder / "handler.py").write_text(source)
    return Archive("m.mar", Manifest(model_name="m", handler="handler.py"), folder)


def test_a_source_without_findings_keeps_its_threads(tmp_path: Path) -> None:
    config = ModelConfig()
    assert isolated(opened(tmp_path, "def handle(data, context):\n    return data\n"), config) is config


def test_a_finding_makes_processes_and_the_log_has_its_place(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = isolated(opened(tmp_path, FORKS), ModelConfig())
    assert found.in_process
    assert "handler.py:3" in caplog.text
    assert "isolation: thread" in caplog.text.lower()


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_an_explicit_choice_is_kept(tmp_path: Path, isolation: str) -> None:
    config = ModelConfig(isolation=isolation)
    assert isolated(opened(tmp_path, FORKS), config) is config


@pytest.mark.anyio
async def test_a_registration_that_asks_for_something_else_is_refused(store: Path, archive: MakeArchive) -> None:
    archive("works", "def handle(data, context):\n    return data")
    async with serving(store) as client:
        answer = await client.register("works.mar", isolation="venv")
        assert (answer.status_code, answer.json()["message"]) == (
            400,
            "isolation must be one of: auto, thread, process.",
        )
