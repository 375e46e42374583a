"""The child process as the server sees it."""

import os
import threading
from pathlib import Path

import pytest

from handler.isolation.process.exit_trap import WorkerExit
from tests.support.footprint import children, has_ended, open_files
from tests.support.load import until
from tests.support.process_service import Make


def test_a_process_that_left_its_group_is_killed_too(make: Make) -> None:
    source = """
        import os, time
        def handle(data, context):
            if data:
                os.setpgid(0, os.getpgid(os.getppid()))
                print("left")
                time.sleep(60)
    """
    remote = make(source)
    killer = threading.Thread(target=lambda: (until(lambda: bool(remote.lines)), remote.service.kill()))
    killer.start()
    with pytest.raises(WorkerExit):
        remote.ask("x")
    killer.join()
    assert has_ended(remote.service.pid)


def test_a_process_that_cannot_be_started_is_a_failed_load(make: Make, tmp_path: Path) -> None:
    remote = make("", load=False)
    (tmp_path / "0" / "handler.py").unlink()
    (tmp_path / "0").rmdir()
    with pytest.raises(FileNotFoundError):
        remote.service.load()


def test_closing_leaves_no_process_and_no_file_open(make: Make) -> None:
    before = len(open_files()), children(os.getpid()), threading.active_count()
    remotes = [make("def handle(data, context):\n    return data and ['x']") for _ in range(2)]
    assert [remote.ask("x") for remote in remotes] == [["x"], ["x"]]
    for remote in remotes:
        remote.service.close()
    after = len(open_files()), children(os.getpid()), threading.active_count()
    assert all(now <= then for now, then in zip(after, before, strict=True))  # what other tests left may end meanwhile
