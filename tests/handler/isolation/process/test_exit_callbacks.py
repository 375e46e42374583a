"""`atexit` of archives' code."""

import atexit
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.one_worker import Make, OneWorker, workers_in

SOURCE = """
import atexit
calls = []
def note(*arguments, **named): calls.append((arguments, named))
def fail(): raise SystemExit("no")
def register(name, *arguments, **named): return atexit.register(globals()[name], *arguments, **named)
def unregister(): atexit.unregister(note)
"""


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    with workers_in(tmp_path) as make:
        yield make


def close_as_it_ends(worker: OneWorker) -> None:
    worker.run(worker.close)


def test_they_are_called_at_the_workers_end_the_last_one_first(make: Make) -> None:
    worker, before = make("archive", handler=SOURCE), atexit._ncallbacks()
    handler = worker.load()
    calls = handler.calls
    worker.call("register", "note", 1)
    worker.run(lambda: handler.register("note", 2, named=3))
    assert atexit._ncallbacks() == before
    assert not calls
    close_as_it_ends(worker)
    assert calls == [((2,), {"named": 3}), ((1,), {})]
    close_as_it_ends(worker)
    assert len(calls) == 2


def test_one_that_fails_is_logged_and_stops_no_other(make: Make) -> None:
    worker = make("archive", handler=SOURCE)
    calls = worker.load().calls
    worker.call("register", "note")
    worker.call("register", "fail")
    close_as_it_ends(worker)
    assert calls == [((), {})]
    assert worker.lines_of("stderr") == ["A function of atexit failed: SystemExit: no"]


def test_they_can_be_unregistered(make: Make) -> None:
    worker = make("archive", handler=SOURCE)
    calls = worker.load().calls
    worker.call("register", "note")
    worker.call("unregister")
    close_as_it_ends(worker)
    assert not calls


def test_registering_returns_the_function_and_refuses_other_things(make: Make) -> None:
    worker = make("archive", handler=f"{SOURCE}\nassert register('note') is note")
    worker.load()
    with pytest.raises(TypeError):
        worker.call("register", "calls")


def test_the_servers_own_are_the_processes(make: Make) -> None:
    make("archive", handler=SOURCE).load()
    before = atexit._ncallbacks()
    assert atexit.register(close_as_it_ends) is close_as_it_ends
    assert atexit._ncallbacks() == before + 1
    atexit.unregister(close_as_it_ends)
