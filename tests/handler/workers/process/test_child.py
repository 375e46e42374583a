"""The process of an archive: its modules, its streams, its end."""

import os
import re
from pathlib import Path

import pytest

from handler.errors import ChildFailed, PredictionFailed
from handler.isolation.process.environ import Environment
from handler.isolation.process.exit_trap import WorkerExit
from tests.support.footprint import has_ended
from tests.support.one_worker import write
from tests.support.process_service import Make


def test_an_archive_finds_a_process_of_its_own(make: Make) -> None:
    """Though the server's own packages are called `handler` and `app` as well."""
    source = """
        import os, sys, signal, threading
        import app, handler, model_registry
        AT_IMPORT = os.getcwd()
        def handle(data, context):
            return data and [{
                "own": [app.WHO, model_registry.WHO, handler.__file__ == __file__, __name__],
                "folders": len({AT_IMPORT, os.getcwd(), os.path.dirname(__file__), sys.path[0]}),
                "main": threading.current_thread() is threading.main_thread(),
                "arguments": sys.argv[1:],
                "pid": os.getpid(),
            }]
    """
    remote = make(source, {"app.py": "WHO = 'app'", "model_registry/__init__.py": "WHO = 'registry'"})
    (answer,) = remote.ask("x")
    found = eval(answer.replace("true", "True"))
    assert found["own"] == ["app", "registry", True, "handler"]
    assert (found["folders"], found["main"], found["arguments"]) == (1, True, [])
    assert found["pid"] == remote.service.pid != os.getpid()


def test_a_folder_on_the_servers_path_may_hold_a_handler_of_its_own(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "elsewhere", {"handler.py": "WHO = 'a stranger'"})
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    remote = make("def handle(data, context):\n    return data and [__file__]")
    assert remote.ask("x") == [str(tmp_path / "0" / "handler.py")]


def test_packages_with_the_servers_names_are_those_of_others_or_none(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = """
        import app
        try:
            import model_registry
        except ImportError as error:
            missing = str(error)
        def handle(data, context):
            return data and [f"{app.NAME}: {missing}"]
    """
    monkeypatch.syspath_prepend(str(write(tmp_path / "team", {"app/__init__.py": "NAME = 'team'"})))
    assert make(source).ask("x") == ["team: No module named 'model_registry'"]


def test_packages_beside_the_folder_are_found_and_hidden_variables_are_not(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_SERVER", "1")
    monkeypatch.setenv("TOLD_TO_ALL", "1")
    write(tmp_path / "packages", {"beside.py": "WHO = 'beside'"})
    source = """
        import os, beside
        def handle(data, context):
            names = ("SECRET_OF_THE_SERVER", "TOLD_TO_ALL", "ADDED")
            return data and [beside.WHO + str([os.environ.get(name) for name in names])]
    """
    hidden = Environment(re.compile("SECRET_.*"), {"ADDED": "2"})
    remote = make(source, packages=tmp_path / "packages", environment=hidden)
    assert remote.ask("x") == ["beside[None, '1', '2']"]


def test_a_handler_may_close_its_streams(make: Make) -> None:
    source = """
        import os, sys
        def handle(data, context):
            if data and data[0]["body"] == "close":
                sys.stdout.buffer.write(b"\\xff\\x00\\n")
                sys.stdout.flush(), os.close(1), os.close(2)
                print("lost")
            return data and ["x"]
    """
    remote = make(source)
    (failure,) = remote.ask("close")
    assert isinstance(failure, PredictionFailed)  # print fails, as anywhere
    assert remote.ask("x") == ["x"]
    assert remote.lines == [("stdout", "\ufffd\0")]


def test_a_crash_shows_its_place(make: Make) -> None:
    remote = make("import ctypes\ndef handle(data, context):\n    return data and [ctypes.string_at(0)]")
    with pytest.raises(WorkerExit):
        remote.ask("x")
    said = [line for stream, line in remote.lines if stream == "stderr"]
    assert said[0] == "Fatal Python error: Segmentation fault"
    assert any("handler.py" in line for line in said)


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("import torch_is_not_here", "ModuleNotFoundError: No module named 'torch_is_not_here'"),
        ("raise MemoryError('full')", "MemoryError: full"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("def other(): pass", "ValueError: "),
    ],
)
def test_a_failed_load_brings_the_handlers_own_traceback(make: Make, source: str, cause: str) -> None:
    remote = make(source, load=False)
    with pytest.raises(ChildFailed, match=cause) as caught:
        remote.service.load()
    assert isinstance(caught.value, MemoryError) == ("MemoryError" in cause)
    assert cause in caught.value.lines[-1]
    assert not [line for line in caught.value.lines if "loader.py" in line]  # the server's own frames
    remote.service.close()
    assert has_ended(remote.service.pid)
    assert remote.exits == []


def test_closing_lets_the_handlers_exit_functions_run(make: Make) -> None:
    remote = make("import atexit\natexit.register(print, 'bye')\ndef handle(data, context):\n    return data and ['x']")
    remote.service.close()
    assert remote.lines == [("stdout", "bye")]
