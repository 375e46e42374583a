"""A service in a process of its own: its calls, its end, and the metrics and chunks that it sends."""

import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from handler.isolation.process.exit_trap import WorkerExit
from handler.job import Input, Job, Output, Part, StreamChunk
from tests.support.footprint import has_ended
from tests.support.load import until
from tests.support.process_service import Make

WAIT_SECONDS = 20


def test_chunks_come_while_the_handler_goes_on(make: Make, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    source = f"""
        import pathlib, time
        from ts.handler_utils.utils import send_intermediate_predict_response as send
        def handle(data, context):
            if data:
                send(["first", "other"], context.request_ids, "", 200, context)
                while not pathlib.Path({str(gate)!r}).exists():
                    time.sleep(0.01)
                return ["last", "end"]
    """
    pieces = []

    def take(answers: Any) -> None:
        pieces.extend((job.request_id, outcome.output.body, type(outcome)) for job, outcome in answers)
        if len(pieces) == 2:
            gate.touch()

    assert make(source).ask("a", "b", deliver=take) == ["last", "end"]
    assert pieces == [("a", b"first", StreamChunk), ("b", b"other", StreamChunk)]


def test_a_job_goes_on_until_its_criterion_ends_it(make: Make) -> None:
    source = """
        def handle(data, context):
            if data:
                rows = range(len(data))
                context.seen = getattr(context, "seen", []) + [data[0].get("body"), context.get_request_header(0, "a")]
                context.stopping_criteria = [lambda result: len(context.seen) >= 4] * len(data)
                return [str(context.seen)]
    """
    remote = make(source, continuous=True)
    job = Job(Input((Part("body", "text/plain", b"x"),), [("a", "1")]), "id")
    (piece,) = remote.service.predict([job], lambda answers: None, concurrent=True)
    assert isinstance(piece, StreamChunk)
    assert job.continued
    (last,) = remote.service.predict([job], lambda answers: None, concurrent=True)
    assert isinstance(last, Output)
    assert last.body == b"['x', '1', None, '1']"  # the body is not sent again
    assert not job.continued


@pytest.mark.parametrize(
    ("crash", "status"),
    [
        ("ctypes.string_at(0)", 128 + signal.SIGSEGV),
        ("os.kill(os.getpid(), 9)", 137),
        ("os._exit(4)", 4),
        ("sys.exit(3)", 3),
        ("sys.exit('a reason')", 1),
        ("sys.exit()", 0),
        ("threading.Thread(target=time.sleep, args=[60]).start(), sys.exit(5)", 5),
    ],
)
def test_the_end_of_the_process_is_the_end_of_the_batch(make: Make, crash: str, status: int) -> None:
    remote = make(f"import ctypes, os, sys, threading, time\ndef handle(data, context):\n    return data and [{crash}]")
    with pytest.raises(WorkerExit) as caught:
        remote.ask("x")
    assert caught.value.status == status
    assert has_ended(remote.service.pid)
    assert remote.exits == []  # the caller gets the exception


def test_an_end_between_two_calls_is_reported(make: Make) -> None:
    source = """
        import os, threading
        def handle(data, context):
            if data:
                threading.Timer(0.05, os._exit, [6]).start()
                return ["x"]
    """
    remote = make(source)
    remote.ask("x")
    assert remote.ended.wait(WAIT_SECONDS)
    assert remote.exits == [6]


def test_an_answer_beyond_the_limit_costs_the_worker(make: Make) -> None:
    remote = make("def handle(data, context):\n    return data and ['x' * 11]", max_response_size=10)
    with pytest.raises(WorkerExit) as caught:
        remote.ask("x")
    assert caught.value.status == 1
    assert remote.lines == [("stderr", "An answer of 11 bytes exceeds max_response_size=10.")]


@pytest.mark.parametrize("hang", ["time.sleep(60)", "ctypes.PyDLL(None).sleep(60)"])
def test_a_hanging_process_is_killed_with_all_that_it_has_started(make: Make, hang: str) -> None:
    """Also native code that never lets another thread of Python run."""
    source = f"""
        import ctypes, subprocess, time
        def handle(data, context):
            if data:
                print(subprocess.Popen(["sleep", "60"]).pid)
                {hang}
    """
    remote = make(source)
    ends: list[int] = []

    def ask() -> None:
        with pytest.raises(WorkerExit) as caught:
            remote.ask("x")
        ends.append(caught.value.status)

    asking = threading.Thread(target=ask)
    asking.start()
    until(lambda: len(remote.lines) == 1)
    assert remote.service.kill()
    asking.join(WAIT_SECONDS)
    assert ends == [137]
    until(lambda: has_ended(int(remote.lines[0][1])))


def test_a_load_that_hangs_is_killed(make: Make) -> None:
    remote = make("import time\nprint('loads')\ntime.sleep(60)", load=False)
    killer = threading.Thread(target=lambda: (until(lambda: bool(remote.lines)), remote.service.kill()))
    killer.start()
    with pytest.raises(WorkerExit):
        remote.service.load()
    killer.join()


def test_an_archive_may_fork_and_spawn(make: Make) -> None:
    source = """
        import multiprocessing, os
        from tasks import double
        def handle(data, context):
            if data:
                found = []
                for method in ("fork", "spawn"):
                    with multiprocessing.get_context(method).Pool(2) as pool:
                        found += pool.map(double, [1, 2])
                return [found]
    """
    remote = make(source, {"tasks.py": "def double(number):\n    return 2 * number"})
    assert eval(remote.ask("x")[0]) == [2, 4, 2, 4]
