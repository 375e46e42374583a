"""Starting a server with `torchserve`, in this process or in the background, and stopping it."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ts.model_server import TS_NAMESPACE

from app.commands.pid_file import PidFile

STOP_TIMEOUT_SECONDS = 60.0
MARSERVE = Path(__file__).parents[2] / "marserve.py"
"""Run as a file: as a module it would be searched for on PYTHONPATH."""


def pid_file() -> PidFile:
    """The pid file where TorchServe keeps its own."""
    return PidFile(Path(tempfile.gettempdir()) / ".model_server.pid")


def is_running() -> bool:
    """Whether a server runs; the pid file of one that has ended is removed."""
    return _running_process(pid_file()) is not None


def in_foreground(serve: Callable[[], int]) -> int:
    """Serve in this process until a signal ends it. Raises AlreadyRunning."""
    file = _locked_pid_file()
    try:
        return serve()
    finally:
        if file is not None:
            file.release()


def in_background(arguments: Sequence[str]) -> int:
    """Start a server with these `torchserve` arguments, detached from this terminal. Raises AlreadyRunning."""
    file = _locked_pid_file()
    command = [sys.executable, "-P", str(MARSERVE), "background", TS_NAMESPACE, *arguments]
    inherited = () if file is None else (file.descriptor(),)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, pass_fds=inherited)  # noqa: S603
    if file is not None:
        file.write(process.pid)
    return 0


def stop() -> int:
    """Stop the running server, and wait for its end; returns the exit status."""
    file = pid_file()
    pid = _running_process(file)
    if pid is None:
        print("TorchServe is not currently running.")
        return 0
    try:
        os.kill(pid, signal.SIGTERM)
    except OSError as error:
        print(f"TorchServe cannot be stopped (process {pid}): {error.strerror}")
        return 1
    if not _ends_in_time(file, pid):
        print("Stopping TorchServe took too long.")
        return 1
    file.release()
    Path("key_file.json").unlink(missing_ok=True)
    print("TorchServe has stopped.")
    return 0


def _running_process(file: PidFile) -> int | None:
    pid = file.holder()
    if pid is None and file.path.exists():
        print("Removing orphan pid file.")
        file.release()
    return pid


def _locked_pid_file() -> PidFile | None:
    """The pid file, or None where there can be none: a read-only file system must not keep a server from starting."""
    try:
        file = pid_file()
        file.acquire()
    except OSError as error:
        print(f"No pid file, so that torchserve --stop will not find this server: {error}")
        return None
    return file


def _ends_in_time(file: PidFile, pid: int) -> bool:
    deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
    while file.holder() == pid:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
