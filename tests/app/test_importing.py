"""Modules are imported without interruption by the collector and without a search for plugins, and only they are."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.importing import NO_PLUGINS, importing_modules


def test_the_collector_pauses_and_what_was_made_is_exempt_from_it() -> None:
    kept = [[] for _ in range(100)]
    before = gc.get_freeze_count()
    with importing_modules():
        assert not gc.isenabled()
    try:
        assert gc.isenabled()
        assert gc.get_freeze_count() > before
        assert all(each is not kept[0] for each in gc.get_objects())
    finally:
        gc.unfreeze()


def test_a_failed_import_does_not_leave_it_paused() -> None:
    with pytest.raises(ModuleNotFoundError), importing_modules():
        raise ModuleNotFoundError
    gc.unfreeze()
    assert gc.isenabled()


def test_a_process_that_does_without_the_collector_goes_on_without_it() -> None:
    gc.disable()
    try:
        with importing_modules():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_pydantic_finds_its_plugins_again_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    for before in (None, "logfire"):
        if before is not None:
            monkeypatch.setenv(NO_PLUGINS, before)
        with importing_modules():
            assert os.environ[NO_PLUGINS] == "__all__"
        assert os.environ.get(NO_PLUGINS) == before


def test_a_plugin_of_pydantic_is_loaded_by_the_models_of_a_handler_alone(tmp_path: Path) -> None:
    (tmp_path / "plugged-1.0.dist-info").mkdir()
    (tmp_path / "plugged-1.0.dist-info" / "entry_points.txt").write_text("[pydantic]\nplugged = plugged:PLUGIN\n")
    (tmp_path / "plugged.py").write_text("PLUGIN = None\n")
    program = (
        "import sys; from app.importing import importing_modules\n"
        "with importing_modules(): import app.settings.loading\n"
        "print('plugged' in sys.modules)\n"
        "try: import pydantic; pydantic.create_model('Handlers')\n"
        "except AttributeError: pass  # this plugin can do nothing\n"
        "print('plugged' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    printed = subprocess.check_output([sys.executable, "-c", program], env=environment, text=True)
    assert printed.split() == ["False", "True"]
