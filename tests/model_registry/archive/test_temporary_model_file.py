"""A serialized file that is there only while workers load it."""

import asyncio
import zipfile
from contextlib import nullcontext
from pathlib import Path

import pytest

from model_registry.archive.archive import Archive
from model_registry.archive.manifest import Manifest
from model_registry.archive.store import ModelStore
from model_registry.archive.temporary_model_file import ArchiveChanged, TemporaryModelFile
from tests.conftest import MakeArchive
from tests.support.serving import Client, serving

READS = """
    import pathlib, sys
    class Reads:
        def initialize(self, context):
            folder = pathlib.Path(context.system_properties["model_dir"])
            self.said = folder.joinpath(context.manifest["model"]["serializedFile"]).read_text()
        def handle(self, data, context):
            if data[0]["body"] == "die":
                sys.exit(3)
            return [self.said] * len(data)
"""
FILES = {"model.bin": "weights"}
SETTING = {"keep_serialized_files": "false"}


def make(archive: MakeArchive, **options: str) -> Path:
    """m.mar, whose handler reads its serialized file when it is initialized."""
    return archive("m", READS, FILES, serializedFile="model.bin", **options)


def unpacked(client: Client) -> Path:
    """Where the model's file is, or would be."""
    return client.application.registry.resolve("m").archive.folder / "model.bin"


@pytest.mark.anyio
@pytest.mark.parametrize("isolation", ["thread", "process"])
async def test_the_file_goes_when_all_have_loaded_and_comes_back_for_the_next(
    store: Path, archive: MakeArchive, isolation: str
) -> None:
    make(archive, config=f"isolation: {isolation}\n")
    async with serving(store, **SETTING) as client:
        assert (await client.register("m.mar", initial_workers=2, synchronous="true")).status_code == 200
        assert not unpacked(client).exists()
        assert (await client.manage("PUT", "/models/m", min_worker=3, synchronous="true")).status_code == 200
        assert not unpacked(client).exists()
        assert unpacked(client).with_name("handler.py").exists()
        assert [(await client.predict("m", "x")).text for _ in range(4)] == ["weights"] * 4


@pytest.mark.anyio
async def test_a_worker_in_the_place_of_one_that_died_finds_the_file(store: Path, archive: MakeArchive) -> None:
    make(archive)
    async with serving(store, **SETTING) as client:
        await client.register("m.mar", synchronous="true")
        assert (await client.predict("m", "die")).status_code == 500
        async with asyncio.timeout(30):
            while (await client.predict("m", "x")).text != "weights":
                await asyncio.sleep(0.01)
        assert not unpacked(client).exists()


@pytest.mark.anyio
async def test_the_file_stays_unless_it_is_told_to_go(store: Path, archive: MakeArchive) -> None:
    make(archive)
    async with serving(store) as client:
        await client.register("m.mar", synchronous="true")
        assert unpacked(client).exists()


@pytest.mark.anyio
async def test_an_archive_that_is_a_folder_keeps_its_file(store: Path, archive: MakeArchive) -> None:
    with zipfile.ZipFile(make(archive)) as file:
        file.extractall(store / "unpacked")
    async with serving(store, **SETTING) as client:
        assert (await client.register("unpacked", synchronous="true")).status_code == 200
        assert (await client.predict("m", "x")).text == "weights"
    assert (store / "unpacked" / "model.bin").read_text() == "weights"


def test_an_archive_that_has_changed_meanwhile_is_not_mixed_with_the_old_one(store: Path, archive: MakeArchive) -> None:
    path = make(archive)
    models = ModelStore(store)
    with TemporaryModelFile.of(models.open("m.mar")) as file:
        pass
    assert repr(file) == "<TemporaryModelFile model.bin, 0 users>"
    path.unlink()
    with pytest.raises(ArchiveChanged, match="has changed or gone since it was registered; register it again"):
        file.__enter__()
    models.close()


def test_the_first_user_to_exit_takes_nothing_from_the_others(store: Path, archive: MakeArchive) -> None:
    make(archive)
    models = ModelStore(store)
    opened = models.open("m.mar")
    with TemporaryModelFile.of(opened) as file:
        with file:
            pass
        assert (opened.folder / "model.bin").exists()
    assert not (opened.folder / "model.bin").exists()
    models.close()


def test_a_file_outside_of_the_folder_is_never_deleted(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "precious").touch()
    manifest = Manifest(model_name="m", serialized_file="../precious")
    passing = TemporaryModelFile.of(Archive("m.mar", manifest, tmp_path / "folder", source=tmp_path / "m.mar"))
    assert isinstance(passing, nullcontext)
