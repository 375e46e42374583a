"""The pid file and its lock."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.commands.pid_file import AlreadyRunning, PidFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "server.pid"


def test_nobody_holds_a_file_that_is_not_there(path: Path) -> None:
    assert PidFile(path).holder() is None


def test_it_names_its_holder_until_it_is_released(path: Path) -> None:
    file = PidFile(path)
    file.acquire()
    assert (PidFile(path).holder(), path.read_text()) == (os.getpid(), str(os.getpid()))
    file.release()
    assert PidFile(path).holder() is None
    assert not path.exists()


def test_it_is_held_once(path: Path) -> None:
    first, second = PidFile(path), PidFile(path)
    first.acquire()
    with pytest.raises(AlreadyRunning):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_a_number_without_a_lock_is_nobody(path: Path) -> None:
    """The process of that number may be another program by now."""
    path.write_text(str(os.getpid()))
    assert PidFile(path).holder() is None


def test_a_lock_without_a_living_process_is_nobody(path: Path) -> None:
    """A process that the server left behind may still hold the lock."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    file = PidFile(path)
    file.acquire()
    file.write(gone.pid)
    assert PidFile(path).holder() is None
    file.release()


def test_what_is_no_number_is_nobody(path: Path) -> None:
    file = PidFile(path)
    file.acquire()
    path.write_text("soon")
    assert PidFile(path).holder() is None
    file.release()


def test_a_process_that_inherits_the_descriptor_holds_the_file(path: Path) -> None:
    file = PidFile(path)
    file.acquire()
    heir = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(file.descriptor(),))
    file.write(heir.pid)
    os.close(file.descriptor())
    assert PidFile(path).holder() == heir.pid
    heir.communicate(b"\n")
    assert PidFile(path).holder() is None


def test_it_prints_its_state(path: Path) -> None:
    file = PidFile(path)
    assert repr(file) == f"<PidFile {path}, not locked>"
    file.acquire()
    assert repr(file) == f"<PidFile {path}, locked>"
    file.release()
