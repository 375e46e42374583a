"""`sys` as the code of a worker sees it, and everybody else."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.one_worker import OneWorker, write


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[OneWorker]:
    """A worker of an archive that tells and changes its path."""
    source = """
import json, os, sys
from sys import path as imported

def readings():
    at = sys.path.index(os.getcwd())
    joined = os.pathsep.join(sys.path).split(os.pathsep)
    forms = [list(sys.path), [*sys.path], sys.path[:], sys.path.copy(), sys.path + [], json.loads(json.dumps(sys.path))]
    return at, [form[0] for form in (*forms, joined, imported, vars(sys)["path"])], type(sys.path) is list

def change():
    sys.path.append("added")
    sys.path = [*sys.path, "replaced"]
    return sys.path[-2:]
"""
    worker = OneWorker(write(tmp_path / "a", {"handler.py": source}))
    worker.load()
    yield worker
    worker.close()


def test_the_archives_folder_is_first_on_its_path_for_every_reader(worker: OneWorker) -> None:
    at, firsts, plain = worker.call("readings")
    *of_worker, of_process = firsts
    assert at == 0
    assert set(of_worker) == {str(worker.folder)}
    assert of_process == sys.path[0]
    assert plain


def test_the_processs_path_stays_as_it_is(worker: OneWorker) -> None:
    before = sys.path
    copy = list(before)
    assert worker.call("change") == ["added", "replaced"]
    assert sys.path is before
    assert sys.path == copy


def test_libraries_on_the_workers_thread_see_its_path(worker: OneWorker) -> None:
    """A child process of multiprocessing gets this path, and finds the archive's modules by it."""
    from multiprocessing.spawn import get_preparation_data

    assert worker.run(get_preparation_data, "child")["sys_path"][0] == str(worker.folder)


def test_others_may_replace_the_path_and_the_streams(monkeypatch: pytest.MonkeyPatch, worker: OneWorker) -> None:
    monkeypatch.setattr(sys, "path", ["elsewhere"])
    assert sys.path == ["elsewhere"]
    assert vars(sys)["path"] == ["elsewhere"]
    monkeypatch.undo()
    assert sys.path != ["elsewhere"]
