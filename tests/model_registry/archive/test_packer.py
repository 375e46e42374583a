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

THEN = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
MANIFEST = "MAR-INF/MANIFEST.json"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with some parts in it."""
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "h.py": "handler", "w.pt": "weights", "c.yaml": "config", "r.txt": "packages", "sub/hh.py": "other handler",
        "ex/a.txt": "a", "ex/.dot": "dot", "ex/sub/b.txt": "b", "ex/__pycache__/c.pyc": "c", "ex/.hidden/d.txt": "d",
        "ex/sub/__MACOSX/e": "e", "two/a.txt": "second a", "two/sub/z.txt": "z",
    }.items():  # fmt: skip
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "out").mkdir()
    return tmp_path


def spec(handler: str = "h.py", **parts: object) -> ArchiveSpec:
    return ArchiveSpec("m", "1.0", handler, **parts)  # type: ignore[arg-type]


def names(one: ArchiveSpec) -> set[str]:
    return set(one.files())


def test_parts_lie_flat_under_their_own_names() -> None:
    one = spec("sub/hh.py", serialized_file="w.pt", config_file="c.yaml", requirements_file="r.txt", model_file="h.py")
    assert names(one) == {"hh.py", "w.pt", "c.yaml", "r.txt", "h.py"}


@pytest.mark.parametrize(
    ("handler", "file", "named"),
    [
        ("h.py", "h.py", "h.py"),
        ("h", "h.py", "h"),
        ("h:run", "h.py", "h:run"),
        ("h.py:run", "h.py", "h.py:run"),
        ("sub/hh:run", "hh.py", "hh:run"),
        ("image_classifier", None, "image_classifier"),
    ],
)
def test_a_handler_is_a_file_with_or_without_its_ending_or_built_in(handler: str, file: str | None, named: str) -> None:
    assert names(spec(handler)) == ({file} if file else set())
    assert spec(handler).manifest(THEN)["model"]["handler"] == named


def test_a_compiled_handler_is_a_library(place: Path) -> None:
    assert names(spec("BaseHandler", runtime="LSP")) == set()
    with pytest.raises(PackingError, match=r"h\.(so|dylib)$"):
        spec("h", runtime="LSP").files()


def test_of_a_folder_the_content_is_packed_without_caches_and_hidden_folders() -> None:
    assert names(spec(extra_files=("ex",))) == {"h.py", "a.txt", ".dot", "sub/b.txt"}


def test_of_two_files_with_one_name_the_last_counts() -> None:
    files = spec(extra_files=("ex", " two ")).files()
    assert files["a.txt"] == Path("two/a.txt")
    assert {"sub/b.txt", "sub/z.txt"} <= set(files)


@pytest.mark.parametrize("pattern", ["ex/*.txt", "e[x]/a.tx?", "ex/a.txt"])
def test_a_wildcard_stands_for_files(pattern: str) -> None:
    assert names(spec(extra_files=(pattern,))) == {"h.py", "a.txt"}


def test_a_wildcard_that_matches_nothing_is_only_told(caplog: pytest.LogCaptureFixture) -> None:
    assert names(spec(extra_files=("*.zz", ""))) == {"h.py"}
    assert caplog.messages == ["Given wildcard pattern did not match any file: *.zz"]


@pytest.mark.parametrize("part", ["extra", "config_file", "serialized_file", "requirements_file", "model_file"])
def test_a_part_that_is_not_there_is_an_error(part: str) -> None:
    one = spec(extra_files=("gone",)) if part == "extra" else spec(**{part: "gone"})
    with pytest.raises(PackingError, match=r"^File does not exist: gone$"):
        one.files()


def test_a_linked_folder_is_packed_but_not_for_ever(place: Path) -> None:
    (place / "ex" / "linked").symlink_to(place / "two")
    (place / "ex" / "sub" / "loop").symlink_to(place / "ex")
    assert names(spec(extra_files=("ex",))) == {
        "h.py", "a.txt", ".dot", "sub/b.txt", "linked/a.txt", "linked/sub/z.txt",
    }  # fmt: skip


def test_the_manifest_says_what_the_archive_holds() -> None:
    one = ArchiveSpec(
        "m",
        "2.0",
        "sub/hh.py",
        "a/model.py",
        "b/w.pt",
        requirements_file="c/r.txt",
        config_file="d/c.yaml",
        runtime="python3",
    )
    assert list(one.manifest(THEN).items()) == [
        ("createdOn", "02/01/2024 03:04:05"),
        ("runtime", "python3"),
        (
            "model",
            {
                "modelName": "m",
                "serializedFile": "w.pt",
                "handler": "hh.py",
                "modelFile": "model.py",
                "modelVersion": "2.0",
                "requirementsFile": "r.txt",
                "configFile": "c.yaml",
            },
        ),
        ("archiverVersion", "0.12.0"),
    ]


@pytest.mark.parametrize("name", ["", "m/x", ".m", "m x", "m\n", "ü", "../m"])
def test_an_odd_model_name_is_refused(name: str) -> None:
    with pytest.raises(PackingError, match="special characters"):
        ArchiveSpec(name, "1.0", "h.py")


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
