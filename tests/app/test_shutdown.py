"""The deadline of a stopping server, and how it joins the shutdown of uvicorn."""

import signal
import subprocess
import sys
from pathlib import Path

import uvicorn

from app.shutdown import Deadline, ending_with_uvicorn

EXITS = "import threading; from app.shutdown import Deadline; Deadline(0).exit_after(0.1); threading.Event().wait()"


def test_a_deadline_starts_once() -> None:
    deadline = Deadline(1000)
    assert repr(deadline) == "<Deadline not started>"
    assert 999 < deadline.remaining() <= 1000
    first = deadline._at
    deadline.start()
    assert deadline._at == first


def test_no_time_remains_after_it() -> None:
    assert Deadline(0).remaining() == 0


def test_a_process_ends_with_status_0_whatever_threads_it_has() -> None:
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", EXITS], cwd=root, timeout=60, check=False).returncode == 0


def test_without_uvicorn_signals_are_left_alone() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with ending_with_uvicorn(Deadline(5)):
        assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_the_signal_that_stops_uvicorn_starts_the_deadline_and_is_not_raised_again() -> None:
    server = uvicorn.Server(uvicorn.Config("app:main", log_config=None))
    deadline = Deadline(1000)
    deadline.exit_after = lambda seconds, status=0: None  # type: ignore[method-assign] # this process goes on
    with server.capture_signals():
        with ending_with_uvicorn(deadline):
            assert server.config.timeout_graceful_shutdown == 1000
            signal.raise_signal(signal.SIGTERM)
            assert server.should_exit
            assert deadline._at is not None
        assert server._captured_signals == []


def test_a_time_that_uvicorn_was_given_stays() -> None:
    server = uvicorn.Server(uvicorn.Config("app:main", log_config=None, timeout_graceful_shutdown=3))
    with server.capture_signals(), ending_with_uvicorn(Deadline(1000)):
        assert server.config.timeout_graceful_shutdown == 3
