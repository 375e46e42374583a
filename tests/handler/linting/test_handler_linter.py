"""An archive's findings, and those for which its workers have to be processes."""

from pathlib import Path

import pytest

from handler.linting.handler_linter import ArchiveSource, findings_that_need_a_process, lint_folder
from tests.support.one_worker import write


def places(folder: Path) -> list[str]:
    return [finding.place for finding in lint_folder(folder)]


def test_all_sources_are_read_but_hidden_and_broken_ones(tmp_path: Path) -> None:
    files = dict.fromkeys(("b/c.py", "a.py", ".venv/x.py", "b/.git/x.py", "note.txt"), "exit()")
    assert places(write(tmp_path, {**files, "broken.py": "exit("})) == ["a.py:1", "b/c.py:1"]


def test_one_line_is_told_once_for_each_rule(tmp_path: Path) -> None:
    write(tmp_path, {"handler.py": "import random\nrandom.seed(1), random.seed(2), exit()"})
    assert places(tmp_path) == ["handler.py:2", "handler.py:2"]


HANDLER = """
import importlib
import pack.model
from utils import prepare

class Handler:
    def initialize(self, context):
        importlib.import_module("lazy").load()

    def handle(self, data, context):
        return prepare(data)
"""
SEEDED = "import random\nrandom.seed(1)\n"
FILES = {
    "handler.py": HANDLER,
    "utils.py": "import random\ndef prepare(data): return clean(data)\ndef clean(data): return data\n"
    "def train():\n    random.seed(1)\n    evaluate()\ndef evaluate(): random.seed(2)\n",
    "lazy.py": "def load(): pass",
    "pack/__init__.py": "from .part import Part",
    "pack/part.py": "from ..outside import x\nclass Part: pass",
    "pack/model.py": "import os\nos.environ['A'] = ''",
    "train.py": f"{SEEDED}import utils\nutils.train()",
    "net.py": "class Net: pass",
}


@pytest.mark.parametrize("file", ["utils.py", "lazy.py", "pack/__init__.py", "pack/part.py", "pack/model.py", "net.py"])
def test_what_the_handler_imports_counts(tmp_path: Path, file: str) -> None:
    files = {**FILES, file: f"{SEEDED}{FILES[file]}"}
    findings = findings_that_need_a_process(write(tmp_path, files), "handler.py:handle", "net.py")
    assert [finding.place for finding in findings] == [f"{file}:2"]


@pytest.mark.parametrize(
    "handler", ["handler.py", "handler", "handler:handle", "folder/handler.py", "image_classifier", ""]
)
def test_what_it_does_not_reach_does_not(tmp_path: Path, handler: str) -> None:
    """Functions that only training calls, scripts beside the handler, and rules that threads can live with."""
    assert findings_that_need_a_process(write(tmp_path, FILES), handler, "net.py") == ()
    assert places(tmp_path) == ["pack/model.py:2", "train.py:2", "utils.py:5", "utils.py:7"]


def test_functions_count_where_something_calls_them(tmp_path: Path) -> None:
    files = {**FILES, "lazy.py": "import utils\ndef load(): utils.train()"}
    findings = findings_that_need_a_process(write(tmp_path, files), "handler.py")
    assert [finding.place for finding in findings] == ["utils.py:5", "utils.py:7"]


def test_modules_that_import_each_other_end_the_search(tmp_path: Path) -> None:
    write(tmp_path, {"handler.py": "import other", "other.py": "import handler"})
    assert list(ArchiveSource(tmp_path).reached("handler.py")) == []


def test_an_archive_is_read_once(tmp_path: Path) -> None:
    one, same, changed = (write(tmp_path / name, FILES) for name in ("one", "same", "changed"))
    write(changed, {"net.py": SEEDED})
    first = findings_that_need_a_process(one, "handler.py", "net.py")
    assert findings_that_need_a_process(same, "handler.py", "net.py") is first
    assert findings_that_need_a_process(changed, "handler.py", "net.py") != first


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "." * 9, "/", "a/" * 200])
def test_a_handler_that_no_file_can_be_is_not_found(tmp_path: Path, name: str) -> None:
    assert findings_that_need_a_process(tmp_path, name, name) == ()
