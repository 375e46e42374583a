"""Files of a crashed server are removed; those of a running one, or of others, stay."""

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from model_registry.files import ownership
from model_registry.files.ownership import ABANDONED_AFTER_SECONDS, KERNEL_ID, MARK, OwnedFolders, clear_abandoned

CRASHES = """
import os, sys
from pathlib import Path
from model_registry.files.ownership import OwnedFolders, make_part_file
folder = Path(sys.argv[1])
(OwnedFolders().make(folder) / "file").touch()
make_part_file(folder, 0o600)
os._exit(9)
"""


def crash(folder: Path) -> None:
    """A process makes a folder and a file, and ends without another step."""
    status = subprocess.run([sys.executable, "-c", CRASHES, folder], check=False, timeout=30).returncode
    assert status == 9


def test_what_a_crash_left_is_cleared(tmp_path: Path) -> None:
    crash(tmp_path)
    left = set(tmp_path.iterdir())
    assert len(left) == 2
    assert set(clear_abandoned(tmp_path)) == left
    assert list(tmp_path.iterdir()) == []


def test_what_a_running_server_uses_stays(tmp_path: Path) -> None:
    folders = OwnedFolders()
    folder = folders.make(tmp_path / "models")
    part, file = ownership.make_part_file(tmp_path / "models", 0o600)
    assert re.fullmatch("[0-9a-f]{32}", folder.name)
    assert clear_abandoned(tmp_path / "models") == []
    assert folder.is_dir()
    os.close(file)
    assert clear_abandoned(tmp_path / "models") == [part]
    folders.remove(folder)
    folders.remove(folder)
    assert repr(folders) == "<OwnedFolders 0>"
    assert list((tmp_path / "models").iterdir()) == []


def test_a_server_that_clears_while_another_makes_folders_takes_none(tmp_path: Path) -> None:
    folders, has_ended = OwnedFolders(), threading.Event()

    def clear() -> None:
        while not has_ended.is_set():
            clear_abandoned(tmp_path)

    clearing = threading.Thread(target=clear)
    clearing.start()
    try:
        made = [folders.make(tmp_path) for _ in range(200)]
    finally:
        has_ended.set()
        clearing.join()
    assert all(folder.is_dir() for folder in made)
    folders.remove_all()


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    torchserves = tmp_path / "0d9b5be0a6f74be9a3a9c1a1e0a6d0d2"
    torchserves.mkdir()
    (tmp_path / "upload.part").touch()
    (tmp_path / f"{MARK}{KERNEL_ID}{'0' * 16}").symlink_to(torchserves)
    assert clear_abandoned(tmp_path) == []
    assert clear_abandoned(tmp_path / "missing") == []
    assert len(list(tmp_path.iterdir())) == 3


def test_what_another_machine_uses_stays_until_it_is_old(tmp_path: Path) -> None:
    part = tmp_path / f".{MARK}{'0' * 24}.part"
    part.touch()
    assert clear_abandoned(tmp_path) == []
    long_ago = time.time() - ABANDONED_AFTER_SECONDS - 1
    os.utime(part, (long_ago, long_ago))
    assert clear_abandoned(tmp_path) == [part]


def test_on_a_file_system_without_locks_nothing_is_cleared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no locks")

    monkeypatch.setattr(ownership.fcntl, "flock", refuse)
    folder = OwnedFolders().make(tmp_path)
    assert clear_abandoned(tmp_path) == []
    assert folder.exists()


def test_a_folder_that_was_taken_for_abandoned_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its making and its lock another server may clear it."""
    flock, calls = ownership.fcntl.flock, []

    def clear_first(file: int, kind: int) -> None:
        if not calls:
            calls.append(file)
            clear_abandoned(tmp_path)
        flock(file, kind)

    monkeypatch.setattr(ownership.fcntl, "flock", clear_first)
    folder = OwnedFolders().make(tmp_path)
    assert list(tmp_path.iterdir()) == [folder]
