"""Hooks run once a module has been imported, from any code."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from handler.isolation.modules import post_import
from tests.support.one_worker import OneWorker, write


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"library_of_{tmp_path.name}"
    write(tmp_path, {f"{name}.py": "value = 1"})
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


def test_a_hook_sees_the_module_after_its_code_has_run(library: str) -> None:
    seen: list[int] = []
    hook = seen.append

    def read(module: ModuleType) -> None:
        hook(module.value)

    post_import.register(library, read)
    post_import.register(library, read)
    importlib.import_module(library)
    assert seen == [1]


def test_a_module_that_is_loaded_already_is_given_to_the_hook_at_once(library: str) -> None:
    seen: list[ModuleType] = []
    importlib.import_module(library)
    post_import.register(library, seen.append)
    assert seen == [sys.modules[library]]


def test_archives_that_import_it_get_the_changed_module(library: str, tmp_path: Path) -> None:
    post_import.register(library, lambda module: setattr(module, "value", 2))
    archive = tmp_path / "archive"
    archive.mkdir()
    write(archive, {"handler.py": f"import {library}\nanswer = {library}.value"})
    worker = OneWorker(archive)
    assert worker.load().answer == 2
    worker.close()
