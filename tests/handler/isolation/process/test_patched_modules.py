"""Standard modules that an archive patches in ways that no call shows."""

import functools
import json
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from handler.isolation.process.need import ProcessRequired
from handler.isolation.process.patched_modules import PATCH_WATCH
from tests.support.one_worker import OneWorker, write

HIDDEN_PATCHES = [
    ("setattr(__import__('importlib').import_module('json'), 'dumps', len)", "json.dumps"),
    ("vars(time).update(ctime=len)", "time.ctime"),
    ("delattr(json, 'loads')", "json.loads"),
    ("mock.patch('time.time', lambda: 5.0).start()", "time.time"),
    ("setattr(json.JSONEncoder, 'default', lambda self, value: 0)", "json.encoder.JSONEncoder.default"),
    ("setattr(threading.Thread, 'getName', len)", "threading.Thread.getName"),
    ("setattr(ssl, '_create_default_https_context', ssl._create_unverified_context)", "ssl._create_default_https"),
    ("patching_library.apply()", "time.gmtime"),
]
SOURCE = """
import json, ssl, threading, time
from unittest import mock
import patching_library
def run(line): return eval(line)
"""


@pytest.fixture(autouse=True)
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "import time\ndef apply(): time.gmtime = len\n"
    monkeypatch.syspath_prepend(write(tmp_path / "site", {"patching_library.py": source}))


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[OneWorker]:
    worker = OneWorker(write(tmp_path / "archive", {"handler.py": SOURCE}), can_move=True)
    worker.load()
    yield worker
    worker.close()


@pytest.fixture
def bound(tmp_path: Path) -> Iterator[OneWorker]:
    """One that is to stay on its thread."""
    worker = OneWorker(write(tmp_path / "bound", {"handler.py": SOURCE}))
    worker.load()
    yield worker
    worker.close()


@pytest.fixture
def untouched() -> Iterator[None]:
    """Fails if something stays patched."""
    before = json.dumps, json.loads, json.JSONEncoder.default, time.time, time.ctime, time.gmtime
    context, name = ssl._create_default_https_context, threading.Thread.getName
    yield
    assert before == (json.dumps, json.loads, json.JSONEncoder.default, time.time, time.ctime, time.gmtime)
    assert (context, name) == (ssl._create_default_https_context, threading.Thread.getName)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(("line", "name"), HIDDEN_PATCHES)
def test_a_patch_while_serving_is_undone_and_moves_the_worker(worker: OneWorker, line: str, name: str) -> None:
    worker.call("run", line)
    with pytest.raises(ProcessRequired, match=f"^replaces {name}\\w*, which all models share$"):
        worker.environment.check_need(time.perf_counter())


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(("line", "name"), HIDDEN_PATCHES)
def test_a_patch_while_loading_is_undone_and_moves_the_worker(tmp_path: Path, line: str, name: str) -> None:
    worker = OneWorker(write(tmp_path / "loading", {"handler.py": f"{SOURCE}\nrun({line!r})"}), can_move=True)
    with pytest.raises(ProcessRequired, match=name):
        worker.load()
    worker.close()


@pytest.mark.usefixtures("untouched")
def test_the_worker_moves_whose_archive_defined_the_function(worker: OneWorker, tmp_path: Path) -> None:
    other = OneWorker(write(tmp_path / "other", {"handler.py": SOURCE}), can_move=True)
    other.load()
    worker.call("run", "setattr(json, 'dumps', lambda value: 'patched')")
    other.environment.check_need(time.perf_counter())
    assert not other.environment.need.reason
    assert worker.environment.need.reason == "replaces json.dumps, which all models share"
    other.close()


@pytest.mark.usefixtures("untouched")
def test_all_that_load_move_where_nothing_shows_which_one_it_was(worker: OneWorker, tmp_path: Path) -> None:
    other = OneWorker(write(tmp_path / "other", {"handler.py": SOURCE}), can_move=True)
    with PATCH_WATCH.loading(other.namespace, other.environment.need):
        worker.call("run", "setattr(json, 'dumps', len)")
        PATCH_WATCH.check(worker.environment.need)
    assert worker.environment.need.reason == other.environment.need.reason
    other.close()


@pytest.mark.usefixtures("untouched")
def test_a_worker_that_stays_keeps_what_the_server_needs_as_it_was(bound: OneWorker) -> None:
    bound.call("run", "setattr(time, 'time', lambda: 5.0)")
    bound.environment.check_need(time.perf_counter())
    assert bound.lines_of("stderr") == [
        "Refused, since it replaces time.time, which all models share: say isolation: process in model-config.yaml."
    ]


def test_it_keeps_what_the_server_can_bear(bound: OneWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssl, "_create_default_https_context", ssl._create_default_https_context)
    original = ssl._create_default_https_context
    for context in (functools.partial(original), original):
        ssl._create_default_https_context = context  # type: ignore[assignment]
        PATCH_WATCH.check(bound.environment.need)
        assert ssl._create_default_https_context is context
    assert len(bound.lines_of("stderr")) == 1


def test_new_names_and_private_ones_are_no_patches(worker: OneWorker) -> None:
    worker.call("run", "(setattr(json, 'own_name', len), setattr(json, '_default_encoder', json._default_encoder))")
    worker.environment.check_need(time.perf_counter())
    vars(json).pop("own_name")


def test_it_is_checked_once_a_second(worker: OneWorker) -> None:
    now = time.perf_counter()
    worker.environment.check_need(now)
    assert now < PATCH_WATCH.due_at <= now + 2
    assert "modules and classes" in repr(PATCH_WATCH)
