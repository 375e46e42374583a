"""The models of the configuration at the start of a server."""

from pathlib import Path

import pytest

from app.initial_models.startup import initial_models, initial_workers
from app.settings.model import Settings
from handler.devices.device import CPU, Device
from model_registry.archive.store import ModelStore
from tests.conftest import MakeArchive
from tests.support.serving import serving

ECHO = "def handle(data, context):\n    return data and ['ok'] * len(data)\n"


def models(store: Path, **settings: object) -> list[tuple[str, str | None]]:
    chosen = initial_models(Settings(**settings), ModelStore(store))  # type: ignore[arg-type]
    return [(model.url, model.model_name) for model in chosen]


def test_models_come_from_load_models_and_all_is_the_whole_store(store: Path, archive: MakeArchive) -> None:
    for name in ("b", "a"):
        archive(name, ECHO)
    assert models(store, load_models="x=a.mar,b.mar") == [("a.mar", "x"), ("b.mar", None)]
    assert models(store, load_models="ALL") == [("a.mar", None), ("b.mar", None)]
    assert models(store) == []


def test_a_snapshot_wins_over_load_models(store: Path) -> None:
    snapshot = '{"models": {"m": {"1.0": {"marName": "a.mar"}}}}'
    assert models(store, load_models="b.mar", model_snapshot=snapshot) == [("a.mar", "m")]


def test_workers_are_as_configured_else_one_for_each_gpu_else_for_each_core() -> None:
    gpus = [Device("cuda", 0), Device("cuda", 1)]
    assert initial_workers(Settings(default_workers_per_model=3), gpus) == 3
    assert initial_workers(Settings(), gpus) == 2
    assert initial_workers(Settings(), [CPU]) >= 1


@pytest.mark.anyio
async def test_a_model_that_fails_is_skipped_with_a_warning(
    store: Path, archive: MakeArchive, capfd: pytest.CaptureFixture[str]
) -> None:
    archive("good", ECHO)
    async with serving(store, "goud.mar", "good.mar") as client:
        assert (await client.predict("good")).text == "ok"
        assert client.application.registry.startup_failed
    expected = f"Failed to load model: goud.mar: Model not found at: goud.mar ({store} holds good.mar"
    assert expected in capfd.readouterr().out
