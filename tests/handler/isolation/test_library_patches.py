"""Libraries that archives share are patched when they are first imported, from any code."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.one_worker import write


def test_an_archive_may_be_the_first_to_import_torch(tmp_path: Path) -> None:
    """In a process of its own, since other tests have imported it. Its module `handler` is not the server's."""
    pytest.importorskip("torch")
    source = "import torch\ntorch.set_default_dtype(torch.float64)\nanswer = torch.ones(1).dtype, torch.load.__module__"
    write(tmp_path, {"handler.py": source})
    program = f"""
import os, sys
from pathlib import Path
sys.path[:0] = {[str(Path(__file__).parents[3]), str(Path(__file__).parents[3] / "handler" / "shim")]!r}
from tests.support.one_worker import OneWorker
worker = OneWorker(Path({str(tmp_path)!r}))
assert "torch" not in sys.modules
print(worker.load().answer)
import torch
print(torch.ones(1).dtype, flush=True)
os._exit(0)  # torch at times aborts at the end of an interpreter in which a thread has imported it
"""
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.splitlines() == ["(torch.float64, 'torch.serialization')", "torch.float32"]
