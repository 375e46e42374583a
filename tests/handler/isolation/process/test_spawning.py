"""Processes that archives start through `multiprocessing` find the modules of the archive that started them."""

import multiprocessing
from pathlib import Path

import pytest

from tests.support.one_worker import OneWorker, write

HANDLER = """
import multiprocessing
import tasks

class Own:
    def __init__(self, number):
        self.number = number

def work(own):
    return tasks.WHO, type(own).__name__, own.number

def answer(method):
    with multiprocessing.get_context(method).Pool(1) as pool:
        return pool.apply(work, [Own(7)])
"""


@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_two_archives_start_processes(tmp_path: Path, method: str) -> None:
    for name in ("a", "b"):
        worker = OneWorker(write(tmp_path / name, {"handler.py": HANDLER, "tasks.py": f"WHO = {name!r}"}))
        worker.load()
        assert worker.call("answer", method) == (name, "Own", 7)
        worker.close()
