"""Archives under development: their states, and links that stand for them."""

import os
from pathlib import Path

import pytest

from app.reloading.file_watcher import archives_in, changed_files, discard, read_stamps, stage
from model_registry.errors import RegistryError
from tests.conftest import MakeArchive
from tests.support.one_worker import write


def test_a_folder_with_a_handler_or_a_manifest_is_an_archive(tmp_path: Path) -> None:
    write(tmp_path / "a", {"handler.py": ""})
    write(tmp_path / "b", {"MAR-INF/MANIFEST.json": "{}"})
    assert archives_in(tmp_path / "a") == [tmp_path / "a"]
    assert archives_in(tmp_path / "b") == [tmp_path / "b"]


def test_any_other_folder_holds_archives(store: Path, archive: MakeArchive) -> None:
    write(store / "plain", {"handler.py": ""})
    write(store / "other", {"note.txt": ""})
    write(store / ".hidden", {"handler.py": ""})
    (store / "note.txt").write_text("")
    packed = archive("packed", "")
    assert archives_in(store) == [packed, store / "plain"]
    assert read_stamps(store / "nowhere") == {}


def test_a_state_is_told_by_times_and_sizes_of_visible_files(tmp_path: Path) -> None:
    write(tmp_path, {"handler.py": "1", "part/model.py": "", "gone.txt": ""})
    before = read_stamps(tmp_path)[tmp_path]
    write(tmp_path, {"__pycache__/handler.pyc": "", ".git/index": "", "part/.model.py.swp": ""})
    assert read_stamps(tmp_path)[tmp_path] == before
    (tmp_path / "gone.txt").unlink()
    (tmp_path / "new.json").write_text("{}")
    (tmp_path / "handler.py").write_text("12")
    os.utime(tmp_path / "part/model.py", (1, 1))
    after = read_stamps(tmp_path)[tmp_path]
    assert changed_files(before, after) == ["gone.txt", "handler.py", "new.json", "part/model.py"]


def test_a_likeness_shows_the_files_and_keeps_what_is_written_to_itself(tmp_path: Path) -> None:
    source = write(tmp_path / "mine", {"handler.py": "first", "data/x.bin": b"\x00", "__pycache__/old.pyc": ""})
    place = tmp_path / "place"
    place.mkdir()
    copy = stage(source, place)
    assert copy == place / "mine"
    assert {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()} == {
        "MAR-INF/MANIFEST.json",
        "handler.py",
        "data/x.bin",
    }
    (copy / "data" / "cache.bin").write_bytes(b"")
    assert not (source / "data" / "cache.bin").exists()
    (source / "handler.py").write_text("second")
    assert (copy / "handler.py").read_text() == "second"  # it is the file itself that an editor opens
    discard(place)
    assert (source / "handler.py").exists()


def test_an_archive_file_is_unpacked_anew(archive: MakeArchive, tmp_path: Path) -> None:
    copy = stage(archive("packed", "x = 1\n"), tmp_path)
    assert (copy / "handler.py").read_text() == "x = 1\n"
    assert copy.is_relative_to(tmp_path)


def test_a_broken_archive_file_is_an_error_of_the_registry(store: Path, tmp_path: Path) -> None:
    (store / "bad.tar.gz").write_bytes(b"no archive")
    with pytest.raises(RegistryError, match="Failed to save model"):
        stage(store / "bad.tar.gz", tmp_path)
