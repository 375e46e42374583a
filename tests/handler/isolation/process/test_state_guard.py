"""Functions that change what a process has once."""

import gc
import os
import random
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from handler.isolation.process.exit_trap import WorkerExit
from handler.isolation.process.need import ProcessRequired
from tests.support.one_worker import OneWorker, write

CALLS = [
    ("_thread.interrupt_main()", "kills its process"),
    ("faulthandler.dump_traceback_later(1)", "sets signal handlers or alarms"),
    ("gc.disable()", "changes the garbage collector"),
    ("locale.setlocale(locale.LC_ALL, 'C')", "sets the locale"),
    ("os.abort()", "kills its process"),
    ("os.fork()", "forks its process"),
    ("os.kill(os.getpid(), 9)", "kills its process"),
    ("os.killpg(os.getpgrp(), 15)", "kills its process"),
    ("os.nice(1)", "sets its priority"),
    ("random.seed(1)", "seeds a global random generator"),
    ("numpy.random.seed(1)", "seeds a global random generator"),
    ("resource.setrlimit(resource.RLIMIT_CORE, (0, 0))", "sets the limits of its process"),
    ("signal.alarm(1)", "sets signal handlers or alarms"),
    ("signal.setitimer(signal.ITIMER_REAL, 1)", "sets signal handlers or alarms"),
    ("signal.signal(15, print)", "sets signal handlers or alarms"),
    ("signal.raise_signal(15)", "kills its process"),
    ("socket.setdefaulttimeout(1)", "sets the timeout of all sockets"),
    ("sys.setrecursionlimit(3000)", "raises the recursion limit"),
    ("sys.setswitchinterval(1)", "sets how threads take turns"),
    ("threading.stack_size(1 << 20)", "sets the stack of all threads"),
    ("threading.settrace(print)", "traces all threads"),
    ("time.tzset()", "sets the time zone"),
    ("tracemalloc.start()", "traces all memory"),
    ("warnings.simplefilter('error')", "turns warnings into errors"),
    ("seeding.seed_everything(1)", "seeds a global random generator"),
    ("random.setstate(random.Random(1).getstate())", "seeds a global random generator"),
]
IMPORTS = """
import _thread, faulthandler, gc, locale, numpy, os, random, resource, seeding, signal, socket, sys, threading, time
import tracemalloc, warnings
"""
SEEDING = """
import random
def seed_everything(seed): random.seed(seed)
def shuffled(values):
    state = random.getstate()
    random.seed(1)
    random.setstate(state)
    return values
"""


@pytest.fixture(autouse=True)
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(write(tmp_path / "site", {"seeding.py": SEEDING}))
    monkeypatch.delitem(sys.modules, "seeding", raising=False)


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[OneWorker]:
    """One that can move; its handler runs what it is given."""
    worker = OneWorker(
        write(tmp_path / "archive", {"handler.py": f"{IMPORTS}def run(line): return eval(line)"}), can_move=True
    )
    worker.load()
    yield worker
    worker.close()


@pytest.mark.parametrize(("line", "reason"), CALLS)
def test_a_worker_that_can_move_does_not_do_it(worker: OneWorker, line: str, reason: str) -> None:
    with pytest.raises(ProcessRequired, match=f"^{reason}$"):
        worker.call("run", line)
    assert gc.isenabled()
    assert socket.getdefaulttimeout() is None
    assert not signal.getitimer(signal.ITIMER_REAL)[0]


@pytest.mark.parametrize(
    "line",
    [
        "locale.setlocale(locale.LC_ALL)",
        "os.kill(os.getpid(), 0)",
        "os.nice(0)",
        "signal.alarm(0)",
        "socket.setdefaulttimeout(None)",
        "threading.stack_size()",
        "threading.settrace(None)",
        "warnings.simplefilter('ignore', category=ResourceWarning)",
        "seeding.shuffled([1])",
        "random.setstate(random.getstate())",
        "random.Random(1).random() and numpy.random.default_rng(1).random()",
    ],
)
def test_what_changes_nothing_is_done(worker: OneWorker, line: str) -> None:
    worker.call("run", line)


@pytest.mark.parametrize("source", ["gc.disable()", "sys.setrecursionlimit(2000)"])
def test_a_library_may_do_for_a_moment_what_an_archive_may_not(tmp_path: Path, source: str, worker: OneWorker) -> None:
    limit = sys.getrecursionlimit()
    write(tmp_path / "site", {"momentary.py": f"import gc, sys\n{source}\ngc.enable()\nsys.setrecursionlimit({limit})"})
    worker.call("run", "__import__('momentary')")


def test_a_library_is_imported_to_its_end_before_the_worker_moves(tmp_path: Path, worker: OneWorker) -> None:
    write(tmp_path / "site", {"timing_out.py": "import socket\nsocket.setdefaulttimeout(1)\nthere = True"})
    worker.call("run", "__import__('timing_out')")
    assert sys.modules.pop("timing_out").there
    assert socket.getdefaulttimeout() is None
    with pytest.raises(ProcessRequired, match="sets the timeout of all sockets"):
        worker.environment.need.check()


@pytest.fixture
def bound(tmp_path: Path) -> Iterator[OneWorker]:
    """One that is to stay on its thread."""
    worker = OneWorker(write(tmp_path / "bound", {"handler.py": f"{IMPORTS}def run(line): return eval(line)"}))
    worker.load()
    yield worker
    worker.close()


@pytest.mark.parametrize(
    "line",
    [
        "_thread.interrupt_main()",
        "faulthandler.dump_traceback_later(1)",
        "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))",
        "signal.alarm(1)",
        "signal.setitimer(signal.ITIMER_REAL, 1)",
        "sys.setrecursionlimit(1000000)",
    ],
)
def test_what_harms_the_server_is_refused_on_a_thread(bound: OneWorker, line: str) -> None:
    before = sys.getrecursionlimit()
    bound.call("run", line)
    assert sys.getrecursionlimit() == before
    assert not signal.getitimer(signal.ITIMER_REAL)[0]
    assert ": say isolation: process in model-config.yaml." in bound.lines_of("stderr")[0]


@pytest.mark.parametrize(
    ("line", "status"),
    [("os.abort()", 134), ("os.kill(os.getpid(), 9)", 137), ("os.killpg(0, 15)", 143), ("signal.raise_signal(2)", 130)],
)
def test_what_ends_a_process_ends_the_worker_there(bound: OneWorker, line: str, status: int) -> None:
    with pytest.raises(WorkerExit) as caught:
        bound.call("run", line)
    assert caught.value.status == status


def test_all_else_is_done_there(bound: OneWorker) -> None:
    state = random.getstate()
    bound.call("run", "random.seed(5)")
    seeded = random.random()
    random.setstate(state)
    assert seeded == random.Random(5).random()
    bound.call("run", "random.seed()")


def test_the_servers_own_threads_may_do_what_they_like() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, before)
    sys.setrecursionlimit(sys.getrecursionlimit())
    assert os.getpid()


def test_torchs_functions_are_guarded(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    source = "import torch\ndef run(line): return eval(line)"
    worker = OneWorker(write(tmp_path / "torches", {"handler.py": source}), can_move=True)
    worker.load()
    for line, reason in {
        "torch.manual_seed(1)": "seeds a global random generator",
        "torch.random.manual_seed(1)": "seeds a global random generator",
        "torch.use_deterministic_algorithms(True)": "sets flags of torch that hold for all threads",
        "torch.set_num_interop_threads(1)": "sets flags of torch that hold for all threads",
    }.items():
        worker.environment.need.reason = ""
        with pytest.raises(ProcessRequired, match=reason):
            worker.call("run", line)
    worker.close()


COMPILED = """
import torch
class Double(torch.nn.Module):
    def forward(self, numbers):
        return numbers * 2
model = torch.compile(Double(), backend="eager")
def run(): return model(torch.ones(2)).tolist()
"""


def test_torch_compile_restores_random_states_and_stays_on_its_thread(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    worker = OneWorker(write(tmp_path / "compiled", {"handler.py": COMPILED}), can_move=True)
    worker.load()
    assert worker.call("run") == worker.call("run") == [2, 2]
    worker.close()


PYLAB = """
class Gcf:
    figs = {}
    @classmethod
    def get_active(cls): return cls.figs
"""


def test_the_second_worker_that_uses_pyplot_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in that has the names of matplotlib, which is no dependency."""
    write(tmp_path / "site" / "matplotlib", {"__init__.py": "", "_pylab_helpers.py": PYLAB})
    for name in ("matplotlib", "matplotlib._pylab_helpers"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    source = "from matplotlib._pylab_helpers import Gcf\ndef draw(): return Gcf.get_active()"
    one, two = (OneWorker(write(tmp_path / name, {"handler.py": source}), can_move=True) for name in ("one", "two"))
    one.load(), two.load()
    assert one.call("draw") == one.call("draw") == {}
    with pytest.raises(ProcessRequired, match="draws with pyplot, as another worker does"):
        two.call("draw")
    one.close(), two.close()
