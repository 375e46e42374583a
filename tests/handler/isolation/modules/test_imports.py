"""The import system under many threads, and for code that belongs to no archive."""

import importlib
import pickle
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.one_worker import OneWorker, write

HANDLER = """
import pickle, sys, threading
import model
from utils import WHO

def early(): return WHO, model.Net.who, sys.modules[__name__].WHO

def late():
    import late_part
    from pack import leaf
    return late_part.WHO, leaf.WHO, late_part.describe()

def pickled():
    return pickle.loads(pickle.dumps(model.Net())).who, pickle._loads(pickle.dumps(model.Net())).who

def everything():
    return {*early(), *late(), *pickled()}
"""


def files(who: str) -> dict[str, str]:
    """The same names in every archive."""
    return {
        "handler.py": HANDLER,
        "utils.py": f"WHO = {who!r}",
        "model.py": "import utils\nclass Net:\n    who = utils.WHO",
        "late_part.py": "from utils import WHO\ndef describe():\n    import utils\n    return utils.WHO",
        "pack/__init__.py": "",
        "pack/leaf.py": "from utils import WHO",
    }


def test_many_archives_import_and_unpickle_at_the_same_time(tmp_path: Path) -> None:
    names = [f"archive{number}" for number in range(12)]
    workers = [OneWorker(write(tmp_path / name, files(name))) for name in names for _ in range(2)]
    start = threading.Barrier(len(workers))

    def work(worker: OneWorker) -> Any:
        start.wait()
        with worker.environment.loading():
            handler = worker.namespace.load("handler")
        return [handler.everything() for _ in range(20)]

    with ThreadPoolExecutor(len(workers)) as threads:
        answers = list(threads.map(lambda worker: worker.run(work, worker), workers))
    assert answers == [[{worker.folder.name}] * 20 for worker in workers]
    for worker in workers:
        worker.close()


def test_executors_and_threads_that_a_handler_starts_find_its_modules(tmp_path: Path) -> None:
    source = """
import pickle, threading
from concurrent.futures import ThreadPoolExecutor
import model

def answer():
    found = []
    data = pickle.dumps(model.Net())
    with ThreadPoolExecutor(1) as pool:
        found.append(pool.submit(pickle.loads, data).result().who)
    timer = threading.Timer(0, lambda: found.append(pickle.loads(data).who))
    timer.start(), timer.join()
    return found
"""
    folder = write(tmp_path / "a", {"handler.py": source, "model.py": "class Net: who = 'a'"})
    worker = OneWorker(folder)
    worker.load()
    assert worker.call("answer") == ["a", "a"]
    worker.close()


def test_the_servers_threads_find_the_process_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while an archive has a module of that name, and though the process imports its own only later."""
    monkeypatch.syspath_prepend(
        write(tmp_path / "site", {"shared_name/__init__.py": "", "shared_name/part.py": "WHO = 0"})
    )
    worker = OneWorker(
        write(
            tmp_path / "a",
            {"handler.py": "import shared_name.part", "shared_name/__init__.py": "", "shared_name/part.py": "WHO = 1"},
        )
    )
    assert worker.load().shared_name.part.WHO == 1
    assert importlib.import_module("shared_name.part").WHO == 0
    assert pickle.loads(b"cshared_name.part\nWHO\n.") == 0
    worker.close()
    assert importlib.import_module("shared_name.part").WHO == 0


def test_a_broken_process_module_is_reported_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(write(tmp_path / "site", {"broken_name.py": "1 / 0"}))
    worker = OneWorker(write(tmp_path / "a", {"handler.py": "import broken_name", "broken_name.py": ""}))
    worker.load()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            importlib.import_module("broken_name")
    worker.close()


def test_tracebacks_show_the_archives_code_and_hardly_anything_else(tmp_path: Path) -> None:
    worker = OneWorker(write(tmp_path / "a", {"handler.py": "import model", "model.py": "import torch_is_not_here"}))
    with pytest.raises(ModuleNotFoundError) as caught:
        worker.load()
    files = [Path(frame.filename).name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert files[files.index("handler.py") :] == ["handler.py", "imports.py", "model.py", "imports.py"]
    worker.close()
