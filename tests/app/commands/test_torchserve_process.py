"""Starting and stopping one server at a time."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from app.commands import torchserve_process
from app.commands.pid_file import AlreadyRunning

SERVER = """
import signal, sys
from app.commands import torchserve_process

def serve():
    print("serving", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print("listening", flush=True)
    signal.pause()

torchserve_process.in_foreground(serve)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own for the pid file, and as the working folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_file_lies_where_torchserve_has_it(folder: Path) -> None:
    assert torchserve_process.pid_file().path == folder / ".model_server.pid"


def test_a_server_in_the_foreground_is_running_while_it_serves(folder: Path) -> None:
    def serve() -> int:
        assert torchserve_process.is_running()
        with pytest.raises(AlreadyRunning):
            torchserve_process.in_foreground(lambda: 0)
        return 7

    assert torchserve_process.in_foreground(serve) == 7
    assert not torchserve_process.is_running()
    assert not list(folder.iterdir())


def test_a_server_that_fails_leaves_no_pid_file(folder: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        torchserve_process.in_foreground(lambda: 1 // 0)
    assert not list(folder.iterdir())


def test_where_no_file_can_be_written_the_server_starts_nevertheless(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere/at/all")
    assert torchserve_process.in_foreground(lambda: 7) == 7
    assert capsys.readouterr().out.startswith("No pid file, so that torchserve --stop will not find this server: ")


def test_stop_ends_the_server_and_deletes_its_keys(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "key_file.json").touch()
    environ = os.environ | {"TMPDIR": str(folder)}
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, env=environ, text=True) as server:
        assert server.stdout is not None
        assert [server.stdout.readline(), server.stdout.readline()] == ["serving\n", "listening\n"]
        assert torchserve_process.stop() == 0
        assert server.wait() == 0
    assert capsys.readouterr().out == "TorchServe has stopped.\n"
    assert not list(folder.iterdir())


def test_stop_without_a_server_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert torchserve_process.stop() == 0
    assert capsys.readouterr().out == "TorchServe is not currently running.\n"


def test_the_file_of_a_server_that_is_gone_is_removed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / ".model_server.pid").write_text("1")
    assert not torchserve_process.is_running()
    assert capsys.readouterr().out == "Removing orphan pid file.\n"
    assert not list(folder.iterdir())


def test_a_server_that_will_not_end_is_not_called_stopped(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torchserve_process, "STOP_TIMEOUT_SECONDS", 0.0)
    file = torchserve_process.pid_file()
    file.acquire()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        file.write(process.pid)
        # This process holds the lock on, as a server would that is still busy; `process` only takes the signal.
        assert torchserve_process.stop() == 1
    assert capsys.readouterr().out == "Stopping TorchServe took too long.\n"
    assert (folder / ".model_server.pid").exists()
    file.release()
