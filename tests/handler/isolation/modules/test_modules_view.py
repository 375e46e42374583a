"""`sys.modules` as an archive's code reads and writes it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support.one_worker import Make, workers_in

HANDLER = """
import sys
from sys import modules
import utils

class Other: pass

def put(): sys.modules["put_there"] = utils

def answer():
    assert modules["handler"] is sys.modules[__name__] and sys.modules.get("utils") is utils
    assert sys.modules["sys"] is sys and "json" in sys.modules
    assert sys.modules.copy().keys() == set(sys.modules) and len(sys.modules) == len(list(sys.modules))
    return sorted(name for name in sys.modules if name in ("handler", "utils", "train", "put_there"))

def again():
    before = sys.modules.pop("utils")
    assert "utils" not in sys.modules
    import utils
    return utils is before, sys.modules["utils"] is utils

def remove(name): del sys.modules[name]
"""


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes workers."""
    with workers_in(tmp_path) as make:
        yield make


def test_it_has_the_archives_modules_and_the_processs_but_no_strangers(make: Make) -> None:
    one = make("a", handler=HANDLER, utils="")
    two = make("b", handler="import train", train="", utils="")
    one.load(), two.load()
    assert one.call("answer") == ["handler", "utils"]


def test_what_is_put_there_is_found_by_name_by_the_archive_only(make: Make) -> None:
    workers = [make(name, handler=HANDLER, utils=f"WHO = {name!r}") for name in ("a", "b")]

    def look(name: str) -> Any:
        return sys.modules[name].WHO

    for worker in workers:
        worker.load()
        worker.call("put")
    assert [worker.run(look, "put_there") for worker in workers] == ["a", "b"]
    assert workers[0].call("answer") == ["handler", "put_there", "utils"]
    for worker in workers:
        worker.close()
    assert "put_there" not in sys.modules


def test_the_archives_modules_can_be_removed_and_imported_again(make: Make) -> None:
    worker = make("a", handler=HANDLER, utils="")
    worker.load()
    assert worker.call("again") == (False, True)


def test_the_processs_modules_stay(make: Make) -> None:
    worker = make("a", handler=HANDLER, utils="")
    worker.load()
    worker.call("remove", "json")
    assert type(sys.modules["json"]) is ModuleType
    with pytest.raises(KeyError, match="not_there"):
        worker.call("remove", "not_there")
