"""Repositories of `torch.hub`, which all call their modules `models` and `utils`."""

from pathlib import Path

import pytest

from tests.support.one_worker import OneWorker, write

pytest.importorskip("torch")

HANDLER = """
import sys, torch
def answer():
    return torch.hub.load("repository", "make", source="local").who()
"""


def test_two_archives_load_different_repositories(tmp_path: Path) -> None:
    workers = []
    for name in ("a", "b"):
        files = {
            "handler.py": HANDLER,
            "repository/hubconf.py": "from models.net import Net as make",
            "repository/models/__init__.py": "",
            "repository/models/net.py": "from utils import WHO\nclass Net:\n    def who(self):\n"
            "        from models.late import LATE\n        return WHO + LATE",
            "repository/models/late.py": f"LATE = {name!r}",
            "repository/utils.py": f"WHO = {name!r}",
        }
        workers.append(OneWorker(write(tmp_path / name, files)))
        workers[-1].load()
    assert [worker.call("answer") for worker in workers] == ["aa", "bb"]
    assert [worker.call("answer") for worker in reversed(workers)] == ["bb", "aa"]
    for worker in workers:
        worker.close()
