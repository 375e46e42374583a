"""An archive that ends "its process" ends its worker."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from handler.isolation.process.exit_trap import WorkerExit
from tests.support.one_worker import Make, workers_in


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes workers."""
    with workers_in(tmp_path) as make:
        yield make


def test_exit_on_the_workers_thread_is_raised(make: Make) -> None:
    worker = make(
        "a",
        handler="import os\ndef leave():\n    try:\n        os._exit(137)\n    except Exception:\n        return 'no'",
    )
    worker.load()
    heard: list[int] = []
    worker.environment.on_exit = heard.append
    assert worker.environment._exits.status is None
    with pytest.raises(WorkerExit) as caught:
        worker.call("leave")
    assert (caught.value.status, worker.environment._exits.status, heard) == (137, 137, [])


def test_exit_on_another_thread_is_told_and_ends_that_thread_silently(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)
    worker = make(
        "a",
        handler="""
import os, threading
after = []

def leave():
    os._exit(3)
    after.append("never")

def start():
    thread = threading.Thread(target=leave)
    thread.start()
    thread.join()
    return after
""",
    )
    worker.load()
    heard: list[tuple[int, str]] = []
    worker.environment.on_exit = lambda status: heard.append((status, threading.current_thread().name))
    assert worker.call("start") == []
    assert [status for status, _ in heard] == [3]
    assert worker.environment._exits.status == 3
    assert worker.lines == []


def test_system_exit_is_left_to_the_worker(make: Make) -> None:
    worker = make("a", handler="import sys\ndef leave(): sys.exit(4)")
    worker.load()
    with pytest.raises(SystemExit) as caught:
        worker.call("leave")
    assert caught.value.code == 4
    assert worker.environment._exits.status is None


@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_a_child_process_may_exit(make: Make) -> None:
    worker = make(
        "a",
        handler="""
import os

def fork():
    child = os.fork()
    if not child:
        os._exit(5)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
""",
    )
    worker.load()
    assert worker.call("fork") == 5


@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_the_servers_threads_end_the_process() -> None:
    child = os.fork()
    if not child:
        os._exit(6)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 6
