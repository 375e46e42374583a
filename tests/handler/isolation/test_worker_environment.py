"""All that a worker's thread finds around it, together, and what is left when it is gone."""

import threading
from pathlib import Path

import pytest

from handler.isolation.process.exit_trap import WorkerExit
from handler.isolation.worker_environment import WorkerEnvironment
from handler.workers.loader import load_entry_point
from tests.support.one_worker import OneWorker, write

LOCAL = """
import logging
import os
import sys

def read():
    with open("note.txt") as file:
        return file.read().strip()

AT_IMPORT = read()

class Local:
    def initialize(self, context):
        self.at_load = read()
        self.directory = context

    def handle(self, data, context):
        print("on stdout")
        print("on stderr", file=sys.stderr)
        logging.getLogger("kit").info("at info")
        logging.getLogger("kit").debug("at debug")
        return {
            "notes": {AT_IMPORT, self.at_load, read()},
            "working_folder_is_model_dir": os.path.realpath(os.getcwd()) == os.path.realpath(self.directory),
            "model_dir_on_path": os.path.realpath(self.directory) in map(os.path.realpath, sys.path),
            "module": __name__,
        }
"""


def test_a_handler_finds_what_torchserve_gives_it(tmp_path: Path) -> None:
    """The handler that TorchServe's answers were recorded with, twice."""
    for name in ("a", "b"):
        folder = write(tmp_path / name, {"handler.py": LOCAL, "note.txt": f"the note of {name}"})
        worker = OneWorker(folder)
        entry = worker.run(load_entry_point, worker.namespace, "handler.py")
        worker.run(entry.initialize, str(folder))
        assert worker.run(entry.handle, [{}], None) == {
            "notes": {f"the note of {name}"},
            "working_folder_is_model_dir": True,
            "model_dir_on_path": True,
            "module": "handler",
        }
        assert worker.lines == [("stdout", "on stdout"), ("stderr", "on stderr"), ("stdout", "at info")]
        worker.close()


def test_the_thread_may_serve_one_worker_after_the_other(tmp_path: Path) -> None:
    """As the one thread does that drives a device for all models."""
    workers = [OneWorker(write(tmp_path / name, {"handler.py": f"WHO = {name!r}"})) for name in ("a", "b")]
    found: list[object] = []

    def drive() -> None:
        for worker in [*workers, *workers]:
            worker.environment.enter()
            found.append((worker.namespace.load("handler").WHO, Path.cwd().name))

    thread = threading.Thread(target=drive)
    thread.start()
    thread.join()
    assert found == [(name, name) for name in "abab"]
    for worker in workers:
        worker.close()


def test_closing_tells_what_was_begun_and_may_be_repeated(tmp_path: Path) -> None:
    worker = OneWorker(write(tmp_path / "a", {"handler.py": "print('begun', end='')"}))
    worker.load()
    assert worker.lines == []
    worker.close()
    worker.close()
    assert worker.lines == [("stdout", "begun")]


def test_an_abandoned_thread_can_neither_import_nor_end_the_process(tmp_path: Path) -> None:
    source = """
import os

def hang(go, found):
    go.wait()
    try:
        import utils
    except ImportError as error:
        found.append(str(error))
    print("still here")
    os._exit(9)
"""
    worker = OneWorker(write(tmp_path / "a", {"handler.py": source, "utils.py": ""}))
    hang = worker.load().hang
    go, found = threading.Event(), []

    def work() -> None:
        worker.environment.enter()
        with pytest.raises(WorkerExit):
            hang(go, found)

    thread = threading.Thread(target=work)
    thread.start()
    worker.close()
    go.set()
    thread.join()
    assert found == ["No module named 'utils'"]
    assert worker.lines == [("stdout", "still here")]
    assert worker.environment._exits.status == 9


def test_closing_leaves_no_threads_and_no_files_open(tmp_path: Path) -> None:
    folder = write(tmp_path / "a", {"handler.py": LOCAL, "note.txt": ""})

    def once() -> None:
        worker = OneWorker(folder)
        worker.load()
        worker.close()

    once()
    threads, files = threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(10):
        once()
    assert (threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))) == (threads, files)


def test_they_show_what_they_are(tmp_path: Path) -> None:
    environment = WorkerEnvironment(tmp_path, "W-9000-m_1.0", print)
    assert repr(environment).startswith("<WorkerEnvironment of W-9000-m_1.0: <Namespace _mar_")
    environment.close()
    assert ", closed>, <WorkingDirectory" in repr(environment)
