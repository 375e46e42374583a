"""Models that cannot fit into the container's memory are refused with the numbers."""

from pathlib import Path

import pytest

from app.settings.model import Settings
from model_registry.archive.archive import Archive
from model_registry.archive.manifest import Manifest
from model_registry.errors import InsufficientMemory
from model_registry.memory_guard import MemoryGuard, resident_bytes
from tests.conftest import MakeArchive
from tests.support.serving import serving

MIB = 1 << 20


def archive_of(folder: Path, mib: int) -> Archive:
    """An unpacked archive whose model has that size, in a file that takes no space."""
    with (folder / "model.pt").open("wb") as file:
        file.truncate(mib * MIB)
    return Archive("m.mar", Manifest(model_name="m", serialized_file="model.pt"), folder)


def test_a_model_larger_than_what_is_left_is_refused_with_the_numbers(tmp_path: Path) -> None:
    guard = MemoryGuard(2048 * MIB, lambda: 512 * MIB)
    with pytest.raises(InsufficientMemory) as refusal:
        guard.check(archive_of(tmp_path, 1600))
    assert str(refusal.value) == (
        "Model m cannot fit into memory: model.pt has 1,600 MiB, and of the 2,048 MiB that the container may use "
        "512 MiB are taken. Give it more memory, or set check_memory=false to load the model all the same."
    )


def test_a_model_that_may_fit_is_let_in(tmp_path: Path) -> None:
    MemoryGuard(2048 * MIB, lambda: 512 * MIB).check(archive_of(tmp_path, 1536))


def test_without_a_container_the_memory_of_the_machine_is_the_limit(tmp_path: Path) -> None:
    with pytest.raises(InsufficientMemory):
        MemoryGuard.of_container().check(archive_of(tmp_path, 1 << 23))


def test_without_a_limit_or_a_serialized_file_nothing_is_refused(tmp_path: Path) -> None:
    MemoryGuard(None).check(archive_of(tmp_path, 1 << 20))
    MemoryGuard(1).check(Archive("m.mar", Manifest(model_name="m"), tmp_path))


def test_the_memory_of_this_process_is_known() -> None:
    assert MIB < (resident_bytes() or 0) < 64 << 30


@pytest.mark.anyio
@pytest.mark.parametrize(("settings", "status"), [({}, 507), ({"check_memory": "false"}, 200)])
async def test_a_server_refuses_what_cannot_fit_unless_told_not_to(
    store: Path, archive: MakeArchive, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], status: int
) -> None:
    monkeypatch.setattr("model_registry.memory_guard.memory_limit", lambda: 1 * MIB)
    files = {"model.bin": b"weights"}
    archive("m", "def handle(data, context):\n    return data and [1]\n", files, serializedFile="model.bin")
    async with serving(store, **settings) as client:
        answer = await client.register("m.mar")
        assert answer.status_code == status
        assert status == 200 or "Model m cannot fit into memory: model.bin has 0 MiB" in answer.json()["message"]
        assert (await client.http.get("/models/m")).status_code == (404 if status == 507 else 200)


def test_the_check_is_on_unless_configured() -> None:
    assert Settings().check_memory


@pytest.mark.parametrize(("limit", "fits"), [(None, True), (300, True), (299, False)])
def test_processes_are_taken_to_need_as_much_as_the_server(limit: int | None, fits: bool) -> None:
    assert MemoryGuard(limit, lambda: 100).has_space_for(2) is fits
