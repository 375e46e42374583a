"""Each worker's relative paths begin in its archive's folder, whether or not the system parts working directories."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from handler.isolation.process.working_directory import unshare
from tests.support.one_worker import OneWorker, write

HANDLER = """
import glob, io, os, shutil, subprocess, threading, zipfile
from pathlib import Path

def note(path, opener=open):
    with opener(path) as file:
        text = file.read()
        return text.decode() if isinstance(text, bytes) else text

AT_IMPORT = note("note.txt")
PROGRAM = subprocess.run(["cat", "note.txt"], capture_output=True, text=True).stdout

def readings():
    in_thread = []
    thread = threading.Thread(target=lambda: in_thread.append(note("note.txt")))
    thread.start(), thread.join()
    paths = "note.txt", b"./note.txt", Path("note.txt"), os.path.abspath("note.txt"), os.open("note.txt", os.O_RDONLY)
    zipped = note("note.txt", zipfile.ZipFile("notes.zip").open)
    texts = [AT_IMPORT, PROGRAM, zipped, Path("note.txt").read_text(), note("note.txt", io.open), *map(note, paths)]
    return {*texts, *in_thread}

def look():
    found = sorted(os.listdir()), sorted(os.listdir(".")), sorted(each.name for each in os.scandir())
    assert found[0] == found[1] == found[2] == sorted(Path().resolve().joinpath(each).name for each in glob.glob("*"))
    assert os.path.isfile("note.txt") and os.path.getsize("note.txt") and Path("note.txt").exists()
    return os.getcwd(), str(Path.cwd()), os.path.realpath(".")

def work():
    os.makedirs("deep/er")
    Path("deep/one.txt").write_text("one")
    os.rename("deep/one.txt", "deep/two.txt")
    shutil.copy("deep/two.txt", "deep/three.txt")
    os.chdir("deep")
    found = sorted(os.listdir()), os.getcwd(), Path("two.txt").read_text()
    with open(os.open("two.txt", os.O_RDONLY)) as file:
        assert file.read() == "one"
    os.remove("two.txt")
    shutil.rmtree("er")
    os.chdir("..")
    return found

def programs():
    os.makedirs("deep", exist_ok=True)
    folders = subprocess.check_output("pwd", text=True), subprocess.check_output("pwd", text=True, cwd="deep")
    return [folder.strip() for folder in folders], os.system("test -f note.txt")

def lost():
    os.chdir("not/there")
"""


@pytest.fixture(params=[unshare, lambda: False], ids=["parted", "refused"])
def workers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[OneWorker]]:
    """Two loaded workers of different archives."""
    workers = []
    for name in ("a", "b"):
        folder = write(tmp_path / name, {"handler.py": HANDLER, "note.txt": f"note of {name}"})
        with zipfile.ZipFile(folder / "notes.zip", "w") as notes:
            notes.write(folder / "note.txt", "note.txt")
        workers.append(OneWorker(folder, request.param))
        workers[-1].load()
    yield workers
    for worker in workers:
        worker.close()


@pytest.fixture(autouse=True)
def process_folder() -> Iterator[None]:
    """The process itself stays where it is."""
    before = Path.cwd()
    yield
    assert Path.cwd() == before


def test_relative_paths_begin_in_the_archives_folder(workers: list[OneWorker]) -> None:
    assert [worker.call("readings") for worker in workers] == [{"note of a"}, {"note of b"}]
    with pytest.raises(FileNotFoundError):
        Path("note.txt").read_text()


def test_the_working_directory_is_the_archives_folder(workers: list[OneWorker]) -> None:
    assert [worker.call("look") for worker in workers] == [(str(worker.folder),) * 3 for worker in workers]


def test_files_and_directories_can_be_changed(workers: list[OneWorker]) -> None:
    for worker in workers:
        assert worker.call("work") == (["er", "three.txt", "two.txt"], str(worker.folder / "deep"), "one")
        assert [path.name for path in (worker.folder / "deep").iterdir()] == ["three.txt"]


def test_programs_work_there_too(workers: list[OneWorker]) -> None:
    for worker in workers:
        assert worker.call("programs") == ([str(worker.folder), str(worker.folder / "deep")], 0)


def test_a_system_that_refuses_is_told_of_once(tmp_path: Path) -> None:
    write(tmp_path, {"handler.py": ""})
    program = f"""
import logging, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[4])!r})
from tests.support.one_worker import OneWorker
logging.basicConfig(format="%(name)s: %(message)s")
for _ in range(2):
    OneWorker(Path({str(tmp_path)!r}), lambda: False).load()
"""
    done = subprocess.run([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True, check=True)
    (line,) = done.stderr.splitlines()
    assert line.startswith("marserve.loading: The system refuses to part threads' working folders")


def test_a_change_to_nowhere_is_an_error(workers: list[OneWorker]) -> None:
    with pytest.raises(FileNotFoundError):
        workers[0].call("lost")
    assert workers[0].call("look")[0] == str(workers[0].folder)


def test_a_system_without_unshare_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    class Library:
        def __init__(self, name: str | None) -> None:
            pass

    monkeypatch.setattr("ctypes.CDLL", Library)
    assert unshare() is False


def test_others_use_the_same_functions_unchanged(workers: list[OneWorker], tmp_path: Path) -> None:
    class Opener:
        open_ = open

    with Opener().open_(tmp_path / "a/note.txt") as file:
        assert file.read() == "note of a"
    readable: Callable[..., bool] = os.access
    assert readable(tmp_path, mode=os.R_OK)
