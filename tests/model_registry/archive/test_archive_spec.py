"""Specifications of archives: their files, the names of these, and the manifest."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from model_registry.archive.archive_spec import ArchiveSpec, PackingError
from tests.support.archive_parts import spec, write_parts

THEN = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with some parts in it."""
    monkeypatch.chdir(tmp_path)
    return write_parts(tmp_path)


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


def test_a_built_in_handlers_name_with_a_slip_is_pointed_out() -> None:
    with pytest.raises(PackingError, match=r"classifer\.py; is the built-in handler image_classifier meant\?$"):
        spec(handler="image_classifer").files()
