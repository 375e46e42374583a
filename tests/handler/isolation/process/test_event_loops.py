"""Handlers use asyncio on their workers' threads as on a process's main thread."""

import sys
import threading
from pathlib import Path

import pytest

from tests.support.one_worker import OneWorker, write

HANDLER = """
import asyncio

async def double(number):
    await asyncio.sleep(0)
    return 2 * number

def run():
    return asyncio.run(double(1))

def ask():
    loop = asyncio.get_event_loop()
    assert loop is asyncio.get_event_loop() and not loop.is_closed()
    return loop.run_until_complete(double(2)), loop
"""


@pytest.fixture
def worker(tmp_path: Path) -> OneWorker:
    """A loaded worker."""
    worker = OneWorker(write(tmp_path, {"handler.py": HANDLER}))
    worker.load()
    return worker


def test_a_worker_may_run_a_loop(worker: OneWorker) -> None:
    assert worker.call("run") == 2
    worker.close()


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="no thread gets a loop without making one")
def test_a_worker_finds_a_loop_that_is_closed_with_it(worker: OneWorker) -> None:
    def work() -> tuple[int, bool, bool]:
        answer, loop = worker.namespace.loaded("handler").ask()
        before = loop.is_closed()
        worker.close()
        return answer, before, loop.is_closed()

    assert worker.run(work) == (4, False, True)


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="no thread gets a loop without making one")
def test_other_threads_have_none(worker: OneWorker) -> None:
    asking = worker.namespace.loaded("handler").ask
    errors: list[str] = []

    def child() -> None:
        with pytest.raises(RuntimeError, match="There is no current event loop in thread") as caught:
            asking()
        errors.append(str(caught.value))

    def parent() -> None:
        thread = threading.Thread(target=child)
        thread.start()
        thread.join()

    worker.run(parent)
    assert len(errors) == 1
    worker.close()
