"""Removal of archives."""

from pathlib import Path

from model_registry.archive.archive import Archive
from model_registry.archive.manifest import Manifest


def test_removing_deletes_the_files_and_the_download(tmp_path: Path) -> None:
    folder, downloaded = tmp_path / "folder", tmp_path / "m.mar"
    unpacked_file = folder / "a" / "b"
    unpacked_file.parent.mkdir(parents=True)
    unpacked_file.touch()
    downloaded.touch()
    archive = Archive("m.mar", Manifest(), folder, downloaded)
    archive.remove()
    assert list(tmp_path.iterdir()) == []
    archive.remove()


def test_removing_leaves_a_folder_that_is_linked_to(tmp_path: Path) -> None:
    original, fresh = tmp_path / "original", tmp_path / "fresh"
    original.mkdir()
    (original / "handler.py").touch()
    fresh.mkdir()
    (fresh / "original").symlink_to(original)
    archive = Archive("original", Manifest(), fresh / "original")
    archive.remove()
    archive.remove()
    assert (original / "handler.py").exists()
    assert not fresh.exists()
