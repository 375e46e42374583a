"""`sys` as the code of a worker sees it, and everybody else."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.one_worker import OneWorker, workers_in

HANDLER = """
import importlib, json, os, sys
from sys import path as imported

def readings():
    at = sys.path.index(os.getcwd())
    joined = os.pathsep.join(sys.path).split(os.pathsep)
    forms = [list(sys.path), [*sys.path], sys.path[:], sys.path.copy(), sys.path + [], json.loads(json.dumps(sys.path))]
    forms += [joined, imported, importlib.import_module("sys").path]
    return at, {form[0] for form in forms}, type(sys.path) is list

def change():
    sys.path.append("added")
    sys.path = [*sys.path, "replaced"]
    return sys.path[-2:]

def rest():
    assert sys.maxsize and sys.version_info and "maxsize" in dir(sys) and sys.__name__ == "sys"
    sys.a_setting_of_all = 1
    try:
        1 / 0
    except ZeroDivisionError as error:
        return sys.exc_info()[1] is error, sys._getframe().f_code.co_name, repr(sys)
"""


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[OneWorker]:
    """A worker of an archive that returns and changes its path."""
    with workers_in(tmp_path) as make:
        worker = make("a", handler=HANDLER)
        worker.load()
        yield worker


def test_the_archives_folder_is_first_on_its_path(worker: OneWorker) -> None:
    assert worker.call("readings") == (0, {str(worker.folder)}, True)


def test_the_processs_path_stays_as_it_is(worker: OneWorker) -> None:
    before = sys.path
    copy = list(before)
    assert worker.call("change") == ["added", "replaced"]
    assert sys.path is before
    assert sys.path == copy


def test_the_rest_is_the_real_one(worker: OneWorker) -> None:
    assert worker.call("rest") == (True, "rest", repr(sys))
    assert vars(sys).pop("a_setting_of_all") == 1
    assert type(sys) is ModuleType
