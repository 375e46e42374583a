"""From a url to an unpacked archive: files and folders of the store, and everything that is refused."""

import json
import re
import tarfile
import zipfile
from pathlib import Path

import pytest

from model_registry.archive.manifest import Manifest
from model_registry.archive.store import ModelStore
from model_registry.archive.unpack import Limits
from model_registry.errors import (
    ArchiveNotFound,
    EmptyUrl,
    InvalidModel,
    NoStore,
    RelativeUrl,
    SaveFailed,
    UrlRefused,
)
from tests.support.model_stores import refuse, unpacked


def files_of(name: str = "m") -> dict[str, str]:
    model = {"modelName": name, "handler": "h.py", "modelVersion": "1.0"}
    return {"h.py": "text", "MAR-INF/MANIFEST.json": json.dumps({"runtime": "python", "model": model})}


def write_mar(file: Path, name: str = "m") -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        for entry, text in files_of(name).items():
            archive.writestr(entry, text)
    return file


def write_folder(folder: Path, name: str = "m") -> Path:
    for entry, text in files_of(name).items():
        file = folder / entry
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def test_a_mar_of_the_store_opens(place: Path, model_store: ModelStore) -> None:
    write_mar(place / "store" / "m.mar")
    archive = model_store.open("m.mar")
    assert (archive.url, archive.manifest.model_name, archive.downloaded) == ("m.mar", "m", None)
    assert (archive.folder / "h.py").read_text() == "text"
    assert archive.folder.parent == place / "temporary" / "models"
    assert re.fullmatch("[0-9a-f]{32}", archive.folder.name)


def test_every_opening_gets_a_folder_of_its_own(place: Path, model_store: ModelStore) -> None:
    write_mar(place / "store" / "m.mar")
    first, second = model_store.open("m.mar"), model_store.open("m.mar")
    first.remove()
    assert unpacked(place) == [second.folder]
    assert (place / "store" / "m.mar").exists()


@pytest.mark.parametrize("url", ["sub/m.mar", "/somewhere/m.mar", "s3://bucket/m.mar", "a\\m.mar", "ftp://h/m.mar?x=1"])
def test_only_the_last_segment_of_a_local_url_counts(place: Path, model_store: ModelStore, url: str) -> None:
    write_mar(place / "store" / "m.mar")
    assert model_store.open(url).url == url


def test_a_tar_file_opens(place: Path, model_store: ModelStore) -> None:
    folder = write_folder(place / "m")
    with tarfile.open(place / "store" / "m.tar.gz", "w:gz") as archive:
        archive.add(folder, "m")
    assert model_store.open("m.tar.gz").manifest.handler == "h.py"


@pytest.mark.parametrize("url", ["folder", "folder/", "sub/folder", "{place}/store/folder", "{place}/store/folder/"])
def test_a_folder_opens_as_a_link_to_it(place: Path, model_store: ModelStore, url: str) -> None:
    folder = write_folder(place / "store" / "folder")
    archive = model_store.open(url.format(place=place))
    assert archive.manifest.model_name == "m"
    assert archive.folder.resolve() == folder
    assert archive.folder.name == "folder"
    archive.remove()
    assert (folder / "h.py").exists()
    assert unpacked(place) == []


def test_a_folder_in_nothing_but_a_folder_opens(place: Path, model_store: ModelStore) -> None:
    inner = write_folder(place / "outer" / "inner")
    archive = model_store.open(str(place / "outer"))
    assert archive.folder.resolve() == inner
    assert archive.folder.name == "inner"


def test_an_archive_in_nothing_but_a_folder_opens(place: Path, model_store: ModelStore) -> None:
    (place / "artifact").mkdir()
    write_mar(place / "artifact" / "m.mar", "inner")
    archive = model_store.open(str(place / "artifact"))
    assert (archive.manifest.model_name, (archive.folder / "h.py").read_text()) == ("inner", "text")
    archive.remove()
    assert (place / "artifact" / "m.mar").exists()
    assert unpacked(place) == []


def test_a_file_that_is_no_archive_opens_with_an_empty_manifest_if_it_is_called_mar(
    place: Path, model_store: ModelStore
) -> None:
    (place / "store" / "notzip.mar").write_text("this is not an archive\n")
    archive = model_store.open("notzip.mar")
    assert archive.manifest == Manifest()
    assert list(archive.folder.iterdir()) == []


@pytest.mark.parametrize("name", ["note.txt", "m.model", "UP.MAR", "m.zip"])
def test_any_other_file_has_to_be_a_tar_file(place: Path, model_store: ModelStore, name: str) -> None:
    write_mar(place / "store" / name)
    error = refuse(model_store, name, SaveFailed, f"Failed to save model: {name}")
    assert error.__cause__ is not None
    assert unpacked(place) == []


def test_a_hostile_archive_leaves_nothing_but_its_reason(
    place: Path, model_store: ModelStore, caplog: pytest.LogCaptureFixture
) -> None:
    with zipfile.ZipFile(place / "store" / "m.mar", "w") as archive:
        archive.writestr("h.py", "text")
        archive.writestr("../../climbed.txt", "out")
    error = refuse(model_store, "m.mar", SaveFailed, "Failed to save model: m.mar")
    assert "climbed" in str(error.__cause__)
    assert "climbed" in caplog.text
    assert unpacked(place) == []
    assert not list(place.rglob("climbed.txt"))


def test_an_archive_larger_than_the_limit_is_refused(place: Path) -> None:
    write_mar(place / "store" / "m.mar")
    refuse(
        ModelStore(place / "store", temporary=place / "temporary", unpacked=Limits(size=10)),
        "m.mar",
        SaveFailed,
        "Failed to save model: m.mar",
    )


def test_a_broken_manifest_leaves_nothing(place: Path, model_store: ModelStore) -> None:
    with zipfile.ZipFile(place / "store" / "m.mar", "w") as archive:
        archive.writestr("MAR-INF/MANIFEST.json", "{ not json")
    refuse(model_store, "m.mar", InvalidModel, "Failed to parse signature.json.")
    assert unpacked(place) == []


@pytest.mark.parametrize(
    "url",
    ["missing.mar", "/etc/passwd", "folder/m", "s3://b/x.mar", "do%74s.mar", "a\0b.mar", "/", ".", " ", "n" * 300],
)
def test_what_the_store_has_not_is_not_found(place: Path, model_store: ModelStore, url: str) -> None:
    (place / "store" / "dots.mar").touch()
    refuse(model_store, url, ArchiveNotFound, f"Model not found at: {url}")
    assert unpacked(place) == []


def test_an_empty_url_is_refused(model_store: ModelStore) -> None:
    refuse(model_store, "", EmptyUrl, "empty url")


@pytest.mark.parametrize("url", ["../store/m.mar", "a..b.mar", "http://h/../m.mar"])
def test_a_climbing_url_is_refused(model_store: ModelStore, url: str) -> None:
    refuse(model_store, url, RelativeUrl, f"Relative path is not allowed in url: {url}")


@pytest.mark.parametrize("url", ["http://evil/m.mar", "HTTPS://evil/m.mar", "file:///etc/m.mar", "fil://x/m.mar"])
def test_an_address_that_is_not_allowed_is_refused(place: Path, url: str) -> None:
    write_mar(place / "store" / "m.mar")
    model_store = ModelStore(place / "store", [re.compile("http://good/.*")], place / "temporary")
    refuse(model_store, url, UrlRefused, f"Given URL {url} does not match any allowed URL(s)")
    assert model_store.open("m.mar").manifest.model_name == "m"


def test_a_misspelt_scheme_is_refused_and_not_looked_up(place: Path, model_store: ModelStore) -> None:
    write_mar(place / "store" / "m.mar")
    refuse(model_store, "fil://x/m.mar", UrlRefused, "Given URL fil://x/m.mar does not match any allowed URL(s)")


def test_without_a_store_nothing_opens(place: Path) -> None:
    model_store = ModelStore(None, temporary=place / "temporary")
    assert model_store.names() == []
    refuse(model_store, "m.mar", NoStore, "Model store has not been configured.")


def test_the_names_are_the_archives_of_the_store_packed_or_not(
    place: Path, model_store: ModelStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "marserve.store")
    for name in ("b.mar", "A.mar", "c.model", "d.tar.gz", "e.tgz", "note.txt", ".hidden.mar", "m.mar.part", "f.zip"):
        (place / "store" / name).touch()
    for folder in ("folder/MAR-INF", "lost+found", "__pycache__", ".git", "d.mar"):
        (place / "store" / folder).mkdir(parents=True)
    (place / "store" / "folder" / "MAR-INF" / "MANIFEST.json").write_text("{}")
    assert model_store.names() == ["A.mar", "b.mar", "c.model", "d.tar.gz", "e.tgz", "folder"]
    (line,) = caplog.messages
    assert line.endswith("store: __pycache__, d.mar, f.zip, lost+found, m.mar.part, note.txt")
    assert ModelStore(place / "nowhere").names() == []
