"""Modules and packages are found in an archive's folder in all the forms that Python knows."""

import py_compile
import sys
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from handler.isolation.process.need import ProcessRequired
from tests.support.one_worker import Make, OneWorker, ask, workers_in, write


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes workers."""
    with workers_in(tmp_path) as make:
        yield make


def test_packages_have_submodules_and_relative_imports(make: Make) -> None:
    files = {
        "handler": "import pack.deep.leaf as leaf\nfrom pack import *\nfrom pack import other\nimport pack\n"
        "def answer(): return leaf.WHO, named.WHO, other.WHO, pack.deep.leaf.WHO, pack.__name__, leaf.__name__",
        "pack/__init__": "__all__ = ['named']",
        "pack/named": "from .deep.leaf import WHO",
        "pack/other": "from . import named\nfrom ..utils import WHO",
        "pack/deep/__init__": "",
    }
    workers = [make(name, **files, **{"pack/deep/leaf": f"WHO = {name!r}"}, utils=f"WHO = {name!r}") for name in "ab"]
    assert [ask(worker) for worker in workers] == [(*name * 4, "pack", "pack.deep.leaf") for name in "ab"]


def test_folders_without_init_are_packages(make: Make) -> None:
    workers = [
        make(name, handler="from src.net import WHO as answer", **{"src/net": f"WHO = {name!r}"}) for name in "ab"
    ]
    assert [ask(worker) for worker in workers] == ["a", "b"]


def test_a_folder_named_as_an_installed_package_does_not_hide_it(make: Make) -> None:
    worker = make("a", handler="import sortedcontainers\nanswer = sortedcontainers.SortedList([2, 1])[0]")
    write(worker.folder, {"sortedcontainers/weights.bin": b"0"})
    assert ask(worker) == 1


def test_modules_may_be_written_while_importing(make: Make) -> None:
    worker = make(
        "a",
        handler="import pathlib\ntry:\n    import late\nexcept ModuleNotFoundError:\n"
        "    pathlib.Path('late.py').write_text('WHO = 1')\nimport late\nanswer = late.WHO",
    )
    assert ask(worker) == 1


def test_compiled_modules_need_no_source(make: Make) -> None:
    worker = make("a", handler="import hidden\nanswer = hidden.WHO, hidden.__name__")
    source = write(worker.folder, {"gone.py": "import utils\nWHO = utils.WHO", "utils.py": "WHO = 1"}) / "gone.py"
    py_compile.compile(str(source), cfile=str(worker.folder / "hidden.pyc"))
    source.unlink()
    assert ask(worker) == (1, "hidden")


@pytest.mark.parametrize("entry", ["lib", "./lib", "lib.zip", "{folder}/lib"])
def test_additions_to_the_path_are_the_archives_own(make: Make, entry: str) -> None:
    handler = (
        f"import sys, os\nsys.path.insert(0, {entry!r}.format(folder=os.getcwd()))\nfrom extra import WHO as answer"
    )
    workers = [make(name, handler=handler) for name in ("a", "b")]
    before = list(sys.path)
    for worker in workers:
        write(worker.folder, {"lib/extra.py": f"WHO = {worker.folder.name!r}"})
        with zipfile.ZipFile(worker.folder / "lib.zip", "w") as lib:
            lib.writestr("extra.py", f"WHO = {worker.folder.name!r}")
    assert [ask(worker) for worker in workers] == ["a", "b"]
    assert sys.path == before


def test_metadata_of_packages_is_the_archives_own(make: Make) -> None:
    """Packages ask for their own versions when they are imported."""
    handler = """
from importlib import metadata
import packed
answer = packed.VERSION, len(list(metadata.distributions(name="packed"))), metadata.version("pytest") != ""
"""
    workers = [make(name, handler=handler) for name in ("a", "b")]
    for number, worker in enumerate(workers):
        info = f"Metadata-Version: 2.1\nName: packed\nVersion: {number}.0\n"
        source = "from importlib import metadata\nVERSION = metadata.version(__name__)"
        write(worker.folder, {f"packed-{number}.0.dist-info/METADATA": info, "packed/__init__.py": source})
    assert [ask(worker) for worker in workers] == [("0.0", 1, True), ("1.0", 1, True)]
    with pytest.raises(metadata.PackageNotFoundError):
        metadata.version("packed")


def test_data_files_are_read_through_the_import_system(make: Make) -> None:
    worker = make(
        "a",
        handler="import pkgutil\nfrom importlib.resources import files\n"
        "answer = files('pack').joinpath('names.txt').read_text(), pkgutil.get_data('pack', 'names.txt')",
        **{"pack/__init__": ""},
    )
    write(worker.folder, {"pack/names.txt": "one"})
    assert ask(worker) == ("one", b"one")


DECIDING = """
import importlib.metadata, importlib.util
try:
    import brought
    HAS = True
except ImportError:
    HAS = False

def has(): return importlib.util.find_spec("brought") is not None
def version(): return importlib.metadata.version("brought")
def unpickle(data): return __import__("pickle").loads(data)
"""
BROUGHT = {
    "brought.py": "class Own: pass",
    "brought-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: brought\nVersion: 1.0\n",
}


@pytest.fixture
def deciding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A library that decides by the presence of others, which an archive brings along."""
    monkeypatch.syspath_prepend(write(tmp_path / "site", {"deciding.py": DECIDING}))
    yield
    sys.modules.pop("deciding", None)


@pytest.mark.parametrize(
    ("before", "call"),
    [("", "HAS.__bool__"), ("", "has"), ("", "version")],
)
def test_a_worker_moves_before_a_library_decides_by_what_its_archive_brings_along(
    tmp_path: Path, deciding: None, before: str, call: str
) -> None:
    source = f"{before}\nimport deciding\ndef answer(): return deciding.{call}()"
    worker = OneWorker(write(tmp_path / "archive", {"handler.py": source, **BROUGHT}), can_move=True)
    with pytest.raises(ProcessRequired, match="brings brought along, by whose presence the library deciding decides"):
        worker.load()
    assert sys.modules["deciding"].HAS is False
    worker.close()


def test_so_it_does_where_the_archive_has_imported_that_before(tmp_path: Path, deciding: None) -> None:
    source = "import brought, importlib\ndef answer(): return importlib.import_module('deciding').has()"
    worker = OneWorker(write(tmp_path / "archive", {"handler.py": source, **BROUGHT}), can_move=True)
    worker.load()
    with pytest.raises(ProcessRequired, match="brings brought along"):
        worker.call("answer")
    worker.close()


@pytest.mark.parametrize(
    "source",
    [
        "import brought, pickle, unpickling\nanswer = type(unpickling.load(pickle.dumps(brought.Own()))).__name__",
        "import importlib.util\nanswer = importlib.util.find_spec('brought') and 'Own'",
        "import runpy\nanswer = runpy.run_module('brought')['Own'].__name__",
        "import importlib.metadata\nanswer = importlib.metadata.version('brought') and 'Own'",
        "space = {}\nexec('import brought', space)\nanswer = space['brought'].Own.__name__",
    ],
)
def test_it_stays_where_the_archive_itself_asks_or_nobody_decides(tmp_path: Path, deciding: None, source: str) -> None:
    write(tmp_path / "site", {"unpickling.py": "def load(data): return __import__('pickle').loads(data)"})
    worker = OneWorker(write(tmp_path / "archive", {"handler.py": source, **BROUGHT}), can_move=True)
    assert worker.load().answer == "Own"
    worker.close()
