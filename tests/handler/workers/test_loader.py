"""A handler string becomes two functions, as TorchServe's loading protocol has it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from handler.workers.loader import EntryPoint, load_entry_point
from tests.support.one_worker import OneWorker, write

CLASS = """
class Handler:
    def initialize(self, context):
        self.greeting = context
    def handle(self, data, context):
        return [self.greeting, *data]
"""

FUNCTION = """
calls = []
def handle(data, context):
    calls.append((data, context))
    return data
def other(data, context):
    return "other"
"""

Load = Callable[..., EntryPoint]


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    """Loads the handler named of an archive with these files."""
    workers: list[OneWorker] = []

    def load(handler: str, envelope: str | None = None, /, **files: str) -> EntryPoint:
        contents = {f"{name}.py": text for name, text in files.items()}
        worker = OneWorker(write(tmp_path / f"archive{len(workers)}", contents))
        workers.append(worker)
        entry: EntryPoint = worker.run(load_entry_point, worker.namespace, handler, envelope)
        return entry

    yield load
    for worker in workers:
        worker.close()


@pytest.mark.parametrize(
    "handler", ["service.py", "service", "service:handle", "service.py:none", "some/dir/service.py"]
)
def test_a_module_with_one_class_is_served_by_an_instance(load: Load, handler: str) -> None:
    entry = load(handler, service=f"from collections import OrderedDict\n{CLASS}")
    context: Any = "hello"
    entry.initialize(context)
    assert entry.handle(["you"], context) == ["hello", "you"]
    assert type(entry.owner).__name__ == "Handler"


def test_a_function_is_called_once_without_data_to_initialize(load: Load) -> None:
    entry = load("service.py", service=FUNCTION + CLASS)
    context: Any = object()
    entry.initialize(context)
    entry.handle(["row"], context)
    assert entry.owner is None
    assert entry.handle.__globals__["calls"] == [(None, context), (["row"], context)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("handler", ["service.py:other", "service:other"])
def test_a_function_may_be_named(load: Load, handler: str) -> None:
    entry = load(handler, service=FUNCTION)
    assert entry.handle([], None) == "other"  # type: ignore[arg-type]


def test_handle_is_fetched_before_initialize(load: Load) -> None:
    entry = load(
        "service",
        service="class Service:\n    def __init__(self): self.handle = lambda data, context: 'early'\n"
        "    def initialize(self, context): self.handle = None",
    )
    entry.initialize(None)  # type: ignore[arg-type]
    assert entry.handle([], None) == "early"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "error", "text"),
    [
        ("class One: pass\nclass Two: pass", ValueError, "service.py must define a function handle.*: One, Two;"),
        ("from json import JSONDecoder", ValueError, "exactly one class; it defines: none;"),
        ("class One:\n    def handle(self, data, context): pass", AttributeError, "One has no initialize; add"),
        ("class One:\n    def initialize(self, context): pass", AttributeError, "One has no handle; add"),
        ("import not_to_be_found", ModuleNotFoundError, "^No module named 'not_to_be_found'$"),
        ("from json import nothing", ImportError, "^cannot import name 'nothing' from 'json'"),
        ("def handle(data, context)", SyntaxError, "service.py, line 1"),
        ("raise SystemExit(3)", SystemExit, "3"),
    ],
)
def test_a_broken_handler_is_reported_by_file_and_remedy(
    load: Load, source: str, error: type[BaseException], text: str
) -> None:
    with pytest.raises(error, match=text):
        load("service.py", service=source)


def test_a_missing_file_is_reported_by_file_and_remedy(load: Load) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"archive0 has no servise.py, and no built-in .* 'servise'; archive"):
        load("servise.py", service=CLASS)


def test_an_archive_without_a_manifest_is_what_names_no_handler(load: Load, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"the archive has no MAR-INF/MANIFEST.json; marserve archive writes"):
        load("")
    manifest = tmp_path / "archive1" / "MAR-INF" / "MANIFEST.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("{}")
    with pytest.raises(ValueError, match=r"name one in MAR-INF/MANIFEST\.json, or at registration"):
        load("")


def test_an_archive_of_a_folder_instead_of_its_files_is_told(load: Load, tmp_path: Path) -> None:
    inner = tmp_path / "archive0" / "mine"
    inner.mkdir(parents=True)
    (inner / "handler.py").touch()
    with pytest.raises(ValueError, match="the archive holds the folder mine/; make it of what is in that folder"):
        load("")


def test_a_handler_file_with_the_name_of_a_module_in_use_is_refused(load: Load) -> None:
    with pytest.raises(ImportError, match=r"/json.py hides a module that Python or the server needs; rename it"):
        load("json.py", json=CLASS)


def test_a_handler_file_may_be_called_as_a_standard_module_that_is_not_in_use(load: Load) -> None:
    assert load("this.py", this=CLASS).owner


@pytest.mark.parametrize("name", ["handler", "app", "pytest", "base_handler"])
def test_the_archives_file_precedes_all_else_of_its_name(load: Load, name: str) -> None:
    assert type(load(name, **{name: CLASS}).owner).__module__ == name


def test_a_built_in_handler_needs_no_file(load: Load) -> None:
    entry = load("base_handler")
    assert type(entry.owner).__module__ == "ts.torch_handler.base_handler"


def test_an_envelope_wraps_handle_only(load: Load) -> None:
    entry = load("service.py", "body", service=CLASS)
    context: Any = "hello"
    entry.initialize(context)
    assert entry.handle([{"body": "you"}], context) == ["hello", "you"]
    assert type(entry.owner).__name__ == "Handler"
