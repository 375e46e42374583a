"""Workers that load at the same time import a shared library for the first time, whatever it does to `sys.modules`."""

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from handler.isolation.modules import import_lock
from handler.isolation.modules.import_lock import IMPORT_LOCK
from tests.support.one_worker import Make, OneWorker, ask, workers_in, write

GATE = """
import threading
begun = threading.Barrier(2)

def meet():
    try:
        begun.wait(0.3)  # the others may be kept from coming
    except threading.BrokenBarrierError:
        begun.reset()
"""
LAZY = """
import importlib, sys, types
import gate_of_imports
gate_of_imports.meet()

class Lazy(types.ModuleType):
    def __getattr__(self, name):
        module = importlib.import_module("." + name.lower(), self.__name__)
        setattr(self, name, getattr(module, name))
        return getattr(module, name)

lazy = Lazy(__name__)
lazy.__path__, lazy.__spec__, lazy.__file__ = __path__, __spec__, __file__
sys.modules[__name__] = lazy
"""
CIRCLE = """
import sys
import gate_of_imports
sys.modules.pop("lazily.extra", None)
class {name}: pass

gate_of_imports.meet()
import lazily.extra
import lazily.{other}
{other} = getattr(sys.modules["lazily.{other}"], "{Other}")
"""


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes workers, which share a library that is not imported yet."""
    site = write(
        tmp_path / "site",
        {
            "gate_of_imports.py": GATE,
            "lazily/__init__.py": LAZY,
            "lazily/extra.py": "",
            "lazily/one.py": CIRCLE.format(name="One", other="two", Other="Two"),
            "lazily/two.py": CIRCLE.format(name="Two", other="one", Other="One"),
            "lazily/threads.py": "import threading\ndef work():\n    import lazily.extra\n"
            "thread = threading.Thread(target=work)\nthread.start()\nthread.join()\nTHREADS = 'joined'",
        },
    )
    monkeypatch.syspath_prepend(site)
    before = set(sys.modules)
    with workers_in(tmp_path) as make:
        yield make
    for name in set(sys.modules) - before:
        del sys.modules[name]


def load_together(workers: list[OneWorker]) -> list[object]:
    with ThreadPoolExecutor(len(workers)) as threads:
        return list(threads.map(ask, workers))


def test_a_library_that_replaces_itself_in_sys_modules(make: Make) -> None:
    source = "import gate_of_imports\n{}\nimport lazily\nfrom lazily import extra\nanswer = type(lazily).__name__"
    first = make("first", handler=source.format(""))
    others = [make(f"other{number}", handler=source.format("gate_of_imports.meet()")) for number in range(4)]
    assert load_together([first, *others]) == ["Lazy"] * 5


def test_modules_that_import_each_other(make: Make) -> None:
    source = "from lazily import {0}\nanswer = {0}.__name__"
    workers = [make(name, handler=source.format(name)) for name in ("One", "Two")]
    assert load_together(workers) == ["One", "Two"]


def test_a_library_may_wait_for_threads_of_its_own_that_import(make: Make) -> None:
    assert ask(make("a", handler="from lazily.threads import THREADS as answer")) == "joined"
    assert repr(IMPORT_LOCK) == "<ImportLock, free>"


def test_what_is_there_already_is_imported_at_once(make: Make) -> None:
    blocked, release = threading.Event(), threading.Event()
    worker = make("a", handler="def answer():\n    import json, os.path\n    return json.__name__")
    worker.load()
    holder = make("b", handler="")
    thread = threading.Thread(target=holder.run, args=(hold, blocked, release))
    thread.start()
    blocked.wait()
    assert repr(IMPORT_LOCK) == "<ImportLock, held>"
    assert worker.call("answer") == "json"
    release.set()
    thread.join()


def test_an_import_that_hangs_keeps_nobody_for_ever(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(import_lock, "TIMEOUT_SECONDS", 0.1)
    blocked, release = threading.Event(), threading.Event()
    thread = threading.Thread(target=make("a", handler="").run, args=(hold, blocked, release))
    thread.start()
    blocked.wait()
    assert ask(make("b", handler="from lazily.threads import THREADS as answer")) == "joined"
    assert "An import has taken more than 0.1 s; that of lazily.threads does not wait for it." in caplog.messages
    release.set()
    thread.join()
    assert repr(IMPORT_LOCK) == "<ImportLock, free>"


def hold(blocked: threading.Event, release: threading.Event) -> None:
    with IMPORT_LOCK.importing("a_module_that_is_not_there"):
        blocked.set()
        release.wait()
