"""Paths are served, or refused with cause and cure."""

import zipfile
from pathlib import Path

import pytest

from app.initial_models.servable import archive_names, check_target, servable
from app.settings.errors import ConfigurationError
from tests.conftest import MakeArchive

HANDLER = "def handle(data, context):\n    return data\n"


@pytest.mark.parametrize("name", ["mine", "single.py", "net.onnx"])
def test_each_kind_is_served_as_it_is(work: Path, name: str) -> None:
    assert servable(work / name, name) == [work / name]
    check_target(work / name)


def test_a_folder_of_archives_is_many_and_no_one(store: Path, archive: MakeArchive) -> None:
    paths = [archive(name, HANDLER) for name in ("one", "two")]
    (store / "notes").mkdir()
    assert archive_names(store) == ["one.mar", "two.mar"]
    assert servable(store, "store") == paths
    with pytest.raises(ConfigurationError, match="holds 2 archives; name one of them, such as"):
        check_target(store)
    check_target(store, handler="any.py")


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("nowhere.mar", r"nowhere\.mar does not exist"),
        ("singel.py", r"singel\.py does not exist; is single\.py meant\?"),
        ("no/such.mar", r"no/such\.mar does not exist: there is no folder .*/work/no"),
        ("notes.txt", r"notes\.txt cannot be served: give an archive \(\.mar"),
        ("fake.mar", r"fake\.mar is no archive: a \.mar is a zip file"),
        ("weights.pt", r"weights\.pt cannot be served: weights\.pt is no TorchScript"),
        (
            "empty",
            r"empty cannot be served: .*/work/empty has no MAR-INF/MANIFEST\.json, and no file looks like a handler",
        ),
    ],
)
def test_an_impossible_target_gets_cause_and_cure(work: Path, target: str, reason: str) -> None:
    for name in ("notes.txt", "fake.mar", "weights.pt"):
        (work / name).write_text("nothing")
    (work / "empty").mkdir()
    with pytest.raises(ConfigurationError, match=reason):
        servable(work / target, target)


def test_a_zip_file_is_an_archive_whatever_is_in_it(work: Path) -> None:
    with zipfile.ZipFile(work / "odd.mar", "w") as odd:
        odd.writestr("x", "")
    assert servable(work / "odd.mar", "odd.mar") == [work / "odd.mar"]
