"""Modules and packages are found in an archive's folder in all the forms that Python knows."""

import py_compile
import sys
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from tests.support.one_worker import Make, ask, workers_in, write


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
