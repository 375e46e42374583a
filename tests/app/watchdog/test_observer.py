"""The observing process: its messages, stacks, suspects, and the processes that it does not take for stalled."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.watchdog.observer import (
    Beat,
    Beats,
    ServerEnd,
    SignalPipe,
    is_suspended,
    observe,
    parse_beat,
    parse_stacks,
    suspects,
)
from tests.support.load import until

DUMP = """Thread 0x0000000000000011 (most recent call first):
  File "/a/handler.py", line 4 in handle
  File "/m/worker.py", line 1 in _run

Thread 0x0000000000000012 (most recent call first):
  File "/usr/lib/python3.11/threading.py", line 327 in wait
  File "/m/batcher.py", line 9 in take

Current thread 0x0000000000000013 (most recent call first):
  File "/m/server.py", line 2 in serve
"""
WORKERS = {"W-1": (0x11, 1 << 22), "W-2": (0x12, 1 << 22), "W-3": (0x99, 1 << 22)}


@contextmanager
def sleeping() -> Iterator[int]:
    """A process that sleeps."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        try:
            yield process.pid
        finally:
            process.kill()


class End(ServerEnd):
    """Records the reports in place of a server's end."""

    def __init__(self) -> None:
        self.reports: list[float] = []
        self.killed = self.withdrawn = 0

    def report(self, beat: Beat, seconds: float, *, is_stopping: bool) -> None:
        """Record it."""
        self.reports.append(seconds)

    def kill(self) -> None:
        """Count it."""
        self.killed += 1

    def withdraw(self) -> None:
        """Count it."""
        self.withdrawn += 1


def test_a_stack_belongs_to_its_thread() -> None:
    stacks = parse_stacks(DUMP)
    assert list(stacks) == [0x11, 0x12, 0x13]
    assert stacks[0x12].startswith('  File "/usr/lib/python3.11/threading.py"')


def test_a_worker_that_waits_for_a_batch_is_not_suspected() -> None:
    assert suspects(os.getpid(), Beat(1.0, WORKERS), parse_stacks(DUMP)) == ["W-1"]
    assert suspects(os.getpid(), Beat(1.0, {"W-2": WORKERS["W-2"]}), parse_stacks(DUMP)) == []


def test_a_beat_that_comes_in_pieces_is_read_when_it_is_whole() -> None:
    reading, writing = os.pipe()
    with sleeping() as server:
        beats = Beats(server, reading)
        line = json.dumps({"limit": 2, "workers": {"W-1": [17, 18]}}).encode()
        os.write(writing, line[:9])
        assert beats.wait(0.01) is None
        os.write(writing, line[9:] + b"\n")
        assert beats.wait(1) == parse_beat(line)
        assert beats.wait(0) is None
    with pytest.raises(EOFError):
        beats.wait(5)  # the server has ended, though the pipe is open
    os.close(reading)
    os.close(writing)


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs the states of processes")
def test_a_stopped_process_is_suspended_until_it_goes_on() -> None:
    with sleeping() as server:
        assert not is_suspended(server)
        os.kill(server, signal.SIGSTOP)
        until(lambda: is_suspended(server))
        os.kill(server, signal.SIGCONT)
        until(lambda: not is_suspended(server))


def test_a_signal_is_pending_until_it_is_read() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        pipe = SignalPipe(ours.fileno(), 8.0)
        assert not pipe.is_pending()
        ours.send(b"\x0f")
        assert pipe.is_pending()
        theirs.recv(1)
        assert not pipe.is_pending()
    assert not SignalPipe(-1, 8.0).is_pending()


@pytest.mark.parametrize(("limit", "is_pending"), [(0.04, False), (600.0, True)])
def test_a_loop_that_stays_silent_is_ended_and_one_that_rests_is_not(limit: float, is_pending: bool) -> None:
    reading, writing = os.pipe()
    ours, theirs = socket.socketpair()
    with ours, theirs, sleeping() as server:
        if is_pending:
            ours.send(b"\x0f")
        os.write(writing, json.dumps({"limit": limit, "workers": {}}).encode() + b"\n")
        end = End()
        observe(server, Beats(server, reading), SignalPipe(ours.fileno(), 0.1), end)
        assert end.killed == 1
        assert end.reports == [pytest.approx(0.04 if not is_pending else 1.0)]
        os.write(writing, b'{"limit": null, "workers": {}}\n')
        os.close(writing)
        with pytest.raises(EOFError):
            observe(server, Beats(server, reading), SignalPipe(-1, 0.1), end)
        assert end.killed == 1
    os.close(reading)
