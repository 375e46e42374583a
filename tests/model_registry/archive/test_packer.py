"""Archives are made of parts: which files, under which names, in which form."""

import json
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from model_registry.archive.archive_spec import ArchiveSpec, PackingError
from model_registry.archive.manifest import Manifest
from model_registry.archive.packer import FORMATS, pack
from model_registry.archive.unpack import Limits, unpack
from tests.support.archive_parts import spec, write_parts

THEN = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
MANIFEST = "MAR-INF/MANIFEST.json"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with some parts in it."""
    monkeypatch.chdir(tmp_path)
    return write_parts(tmp_path)


@pytest.mark.parametrize("form", ["default", "zip-store", "tgz"])
def test_what_is_packed_unpacks(place: Path, form: str) -> None:
    file = pack(spec(serialized_file="w.pt", extra_files=("ex",)), Path("out"), form, created=THEN)
    folder = place / "unpacked"
    folder.mkdir()
    unpack(file, folder, Limits())
    assert file == Path("out", "m" + FORMATS[form])
    assert (folder / "w.pt").read_text() == "weights"
    assert (folder / "sub" / "b.txt").read_text() == "b"
    assert Manifest.read(folder).raw == spec(serialized_file="w.pt").manifest(THEN)


def test_the_default_is_a_deflated_zip_file(place: Path) -> None:
    (place / "w.pt").write_bytes(bytes(5000))
    with zipfile.ZipFile(pack(spec(serialized_file="w.pt"), Path("out"))) as archive:
        assert archive.testzip() is None
        assert archive.getinfo("w.pt").compress_size < 100
    with zipfile.ZipFile(pack(spec(serialized_file="w.pt"), Path("out"), "zip-store", force=True)) as archive:
        assert archive.getinfo("w.pt").compress_size == 5000


def test_a_tar_file_has_a_folder_around_everything() -> None:
    with tarfile.open(pack(spec(), Path("out"), "tgz")) as archive:
        assert archive.getnames() == ["m/MAR-INF/MANIFEST.json", "m/h.py"]


@pytest.mark.parametrize("form", ["default", "tgz"])
def test_the_same_parts_make_the_same_bytes(place: Path, form: str) -> None:
    first = pack(spec(extra_files=("ex",)), Path("out"), form, created=THEN).read_bytes()
    (place / "h.py").touch()
    assert pack(spec(extra_files=("ex",)), Path("out"), form, created=THEN, force=True).read_bytes() == first


def test_a_manifest_among_the_extra_files_is_replaced(place: Path) -> None:
    (place / "ex" / "MAR-INF").mkdir()
    (place / "ex" / "MAR-INF" / "MANIFEST.json").write_text("{}")
    with zipfile.ZipFile(pack(spec(extra_files=("ex",)), Path("out"))) as archive:
        assert archive.namelist().count(MANIFEST) == 1
        assert json.loads(archive.read(MANIFEST))["model"]["modelName"] == "m"


def test_a_folder_can_be_packed_in_itself(place: Path) -> None:
    """As with `--extra-files . --export-path .`, run twice."""
    file = pack(spec(extra_files=("ex",)), Path("ex"))
    first = zipfile.ZipFile(file).namelist()
    with zipfile.ZipFile(pack(spec(extra_files=("ex",)), Path("ex"), force=True)) as archive:
        assert archive.namelist() == first


def test_no_archive_is_a_folder(place: Path) -> None:
    folder = pack(spec(extra_files=("ex",)), Path("out"), "no-archive")
    files = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
    assert files == {"h.py", "a.txt", ".dot", "sub/b.txt", MANIFEST}


def test_a_folder_may_be_the_place_of_its_own_parts(place: Path) -> None:
    source = place / "out" / "m"
    source.mkdir()
    (source / "own.py").write_text("own")
    pack(spec("out/m/own.py"), Path("out"), "no-archive", force=True)
    assert (source / "own.py").read_text() == "own"
    assert (source / MANIFEST).exists()


@pytest.mark.parametrize("form", FORMATS)
def test_an_older_archive_is_replaced_only_by_force(form: str, caplog: pytest.LogCaptureFixture) -> None:
    target = pack(spec(), Path("out"), form)
    with pytest.raises(PackingError, match=rf"^{target} already exists\.\nPlease specify --force/-f"):
        pack(spec(), Path("out"), form)
    assert pack(spec(), Path("out"), form, force=True) == target
    assert caplog.messages == [f"Overwriting {target} ..."]


def test_a_folder_that_is_not_there_is_an_error() -> None:
    with pytest.raises(PackingError, match=r"^Given export-path gone is not a directory\. Point to a valid"):
        pack(spec(), Path("gone"))


class Vanished(ArchiveSpec):
    """A spec with a part that goes away while the archive is written."""

    def files(self) -> dict[str, Path]:
        """One file that is there, and one that is gone."""
        return {"h.py": Path("h.py"), "w.pt": Path("gone")}


@pytest.mark.parametrize("form", ["default", "tgz"])
def test_a_failure_leaves_the_older_archive(place: Path, form: str) -> None:
    target = pack(spec(), Path("out"), form)
    before = target.read_bytes()
    with pytest.raises(FileNotFoundError):
        pack(Vanished("m", "1.0", "h.py"), Path("out"), form, force=True)
    assert target.read_bytes() == before
    assert list((place / "out").iterdir()) == [place / target]
