"""Archives whose modules have equal names live in one process as if each had its own."""

import builtins
import gc
import importlib
import linecache
import pickle
import py_compile
import sys
import weakref
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.one_worker import OneWorker, write

Make = Callable[..., OneWorker]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes a worker of an archive, called `name`, with the given files."""
    workers: list[OneWorker] = []

    def make(name: str, **files: str) -> OneWorker:
        contents = {f"{path}.py": text for path, text in files.items()}
        workers.append(OneWorker(write(tmp_path / name, contents)))
        return workers[-1]

    yield make
    for worker in workers:
        worker.close()


def ask(worker: OneWorker, name: str = "answer") -> Any:
    """Load the handler and return what its `answer` function or value says."""
    answer = getattr(worker.load(), name)
    return worker.run(answer) if callable(answer) else answer


@pytest.mark.parametrize(
    "handler",
    [
        "import utils\nanswer = utils.WHO",
        "from utils import WHO as answer",
        "from utils import *\nanswer = WHO",
        "def answer():\n    import utils\n    return utils.WHO",
        "answer = __import__('utils').WHO",
        "import importlib\nanswer = importlib.import_module('utils').WHO",
        "from importlib import import_module\ndef answer(): return import_module('utils').WHO",
        "space = {}\nexec('import utils; who = utils.WHO', space)\nanswer = space['who']",
        "import utils, sys\nanswer = sys.modules['utils'].WHO",
        "from .utils import WHO as answer",
        "from . import utils\nanswer = utils.WHO",
        "import importlib\nanswer = importlib.import_module('.utils', __package__).WHO",
        "import utils, importlib\nanswer = importlib.reload(utils).WHO",
        "import pydoc\ndef answer(): return pydoc.locate('utils').WHO",
        "import pkgutil\ndef answer(): return pkgutil.resolve_name('utils:WHO')",
        "import importlib.util\nspec = importlib.util.find_spec('utils')\nmodule = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\nanswer = module.WHO",
    ],
)
def test_every_way_to_import_leads_to_the_archives_own_module(make: Make, handler: str) -> None:
    workers = [make(name, handler=handler, utils=f"WHO = {name!r}") for name in ("a", "b")]
    assert [ask(worker) for worker in workers] == ["a", "b"]
    assert [ask(worker) for worker in reversed(workers)] == ["b", "a"]


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


def test_two_workers_of_one_archive_share_no_state(make: Make, tmp_path: Path) -> None:
    one = make("a", handler="count = 0\ndef answer():\n    global count\n    count += 1\n    return count")
    two = OneWorker(one.folder)
    assert [ask(one), ask(one), ask(two)] == [1, 2, 1]
    two.close()


def test_names_are_plain(make: Make) -> None:
    """TorchServe's handler modules are called by their files' stems, and so are their classes' modules."""
    worker = make(
        "a",
        handler="import sys\nfrom pack.part import Net\nclass Own: pass\n"
        "answer = __name__, Own.__module__, Net.__module__, repr(Own), sys.modules[__name__].Own is Own",
        **{"pack/part": "class Net: pass"},
    )
    assert ask(worker) == ("handler", "handler", "pack.part", "<class 'handler.Own'>", True)


def test_an_archive_may_call_its_modules_as_the_server_calls_its_own(make: Make) -> None:
    names = ["handler", "app", "model_registry"]
    sources = {name: f"WHO = 'the archive {name}'" for name in names}
    sources["handler"] += "\nimport app, model_registry, sys\ndef answer(): return WHO, app.WHO, model_registry.WHO"
    worker = make("a", **sources)
    assert ask(worker) == tuple(f"the archive {name}" for name in names)
    import app
    import handler

    assert not hasattr(app, "WHO")
    assert handler.__doc__ == importlib.import_module("handler").__doc__
    assert worker.run(_import_from_the_server) == "handler.patience"
    worker.close()
    assert type(sys.modules["handler"]) is ModuleType


def _import_from_the_server() -> str:
    """What the server's own code finds on a worker's thread."""
    space = {"__name__": "handler.worker"}
    exec("import handler.patience; name = handler.patience.__name__", space)
    return str(space["name"])


def test_the_standard_library_wins(make: Make) -> None:
    worker = make("a", handler="import colorsys, json\nanswer = json.dumps(colorsys.ONE_THIRD > 0)")
    write(worker.folder, {"json.py": "raise SystemExit", "colorsys.py": "raise SystemExit"})
    assert ask(worker) == "true"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Installs a library of one file for the whole process."""
    folder = tmp_path / "site-packages"
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)

    def install(name: str, source: str) -> None:
        write(folder, {f"{name}.py": source})

    yield install
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_an_archives_module_precedes_an_installed_one(make: Make, installed: Callable[[str, str], None]) -> None:
    installed("common_name", "WHO = 'installed'")
    source = "import common_name, pickle\nanswer = common_name.WHO, pickle.loads(b'ccommon_name\\nWHO\\n.')"
    with_own = make("a", handler=source, common_name="WHO = 'own'")
    without = make("b", handler=source)
    assert ask(without) == ("installed", "installed")
    assert ask(with_own) == ("own", "own")
    again = make("c", handler=source)
    assert ask(again) == ("installed", "installed")


def test_an_installed_module_is_found_behind_the_archives_one(
    make: Make, installed: Callable[[str, str], None]
) -> None:
    """The archive comes first, so that the name is taken when the process imports its own module."""
    installed("common_name", "WHO = 'installed'")
    assert ask(make("a", handler="from common_name import WHO as answer", common_name="WHO = 'own'")) == "own"
    assert importlib.import_module("common_name").WHO == "installed"
    without = make("b", handler="import common_name\nanswer = common_name.WHO")
    assert ask(without) == "installed"


def test_a_library_that_imports_by_name_finds_the_archive_that_calls_it(
    make: Make, installed: Callable[[str, str], None]
) -> None:
    installed("finder_library", "from importlib import import_module\ndef who(name): return import_module(name).WHO")
    workers = [
        make(
            name,
            handler="import finder_library\ndef answer(): return finder_library.who('utils')",
            utils=f"WHO={name!r}",
        )
        for name in ("a", "b")
    ]
    assert [ask(worker) for worker in workers] == ["a", "b"]


def test_pickles_name_the_archives_modules_plainly(make: Make) -> None:
    source = (
        "import pickle, pack.model\n"
        "def dump(): return pickle.dumps(pack.model.Net())\n"
        "def load(data): return pickle.loads(data).who, pickle._loads(data).who"
    )
    one = make("a", handler=source, **{"pack/model": "class Net: who = 'a'"})
    two = make("b", handler=source, **{"pack/model": "class Net: who = 'b'"})
    one.load(), two.load()
    data = one.call("dump")
    assert b"pack.model" in data
    assert b"_mar_" not in data
    assert two.call("load", data) == ("b", "b")
    assert one.call("load", data) == ("a", "a")
    assert one.run(pickle.loads, data).who == "a"


def test_annotations_sources_and_deep_copies_resolve(make: Make) -> None:
    worker = make(
        "a",
        handler="""
from __future__ import annotations
import copy, inspect, typing
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

@dataclass
class Point:
    kind: ClassVar[str] = "point"
    x: int = 1

class Pair(NamedTuple):
    left: Point
    right: int

def answer():
    hints = typing.get_type_hints(Pair)
    return copy.deepcopy(Pair(Point(), 2)).left, hints["left"] is Point, inspect.getsource(Point).splitlines()[0]
""",
    )
    point, resolved, source = ask(worker)
    assert (point.x, resolved, source) == (1, True, "@dataclass")


def test_nobody_else_sees_an_archives_modules(make: Make) -> None:
    assert ask(make("a", handler="import only_here\nanswer = only_here.WHO", only_here="WHO = 'a'")) == "a"
    with pytest.raises(ModuleNotFoundError, match="No module named 'only_here'"):
        importlib.import_module("only_here")
    with pytest.raises(ModuleNotFoundError, match="No module named 'only_here'"):
        exec("from only_here import WHO")
    with pytest.raises(ModuleNotFoundError, match="No module named 'only_here'"):
        pickle.loads(b"conly_here\nWHO\n.")
    other = make("b", handler="import only_here")
    with pytest.raises(ModuleNotFoundError, match="No module named 'only_here'"):
        other.load()


def test_looking_through_all_modules_imports_none(make: Make) -> None:
    one = make("a", handler="import train", train="")
    two = make("b", handler="", train="raise SystemExit('a script, not to be run')")
    one.load(), two.load()
    names = [name for name, module in list(sys.modules.items()) if hasattr(module, "train_attribute")]
    assert names == []
    assert not two.run(hasattr, sys.modules["train"], "__file__")
    assert one.run(hasattr, sys.modules["train"], "__file__")
    assert repr(sys.modules["train"]) == "<module 'train' of other archives>"


def test_a_package_may_replace_itself(make: Make) -> None:
    """As the lazily importing packages do that archives vendor."""
    lazy = """
import importlib, sys, types

class Lazy(types.ModuleType):
    def __getattr__(self, name):
        return getattr(importlib.import_module(".part", self.__name__), name)

lazy = Lazy(__name__)
lazy.__path__, lazy.__spec__ = __path__, __spec__
sys.modules[__name__] = lazy
"""
    handler = "import lazy\nfrom lazy import WHO\nimport lazy.part\nanswer = lazy.WHO, WHO, lazy.part.WHO"
    files = {"handler": handler, "lazy/__init__": lazy}
    workers = [make(name, **files, **{"lazy/part": f"WHO = {name!r}"}) for name in ("a", "b")]
    assert [ask(worker) for worker in workers] == [("a", "a", "a"), ("b", "b", "b")]


def test_modules_registered_by_hand_are_the_archives_own(make: Make) -> None:
    handler = """
import importlib.util, pickle, sys
spec = importlib.util.spec_from_file_location("odd_name", "files/net.py")
sys.modules["odd_name"] = odd = importlib.util.module_from_spec(spec)
spec.loader.exec_module(odd)
import utils
sys.modules["old_utils"] = utils

def answer():
    import odd_name
    return odd_name.Net.who, pickle.loads(pickle.dumps(odd.Net())).who, pickle.loads(b"cold_utils\\nWHO\\n.")
"""
    files = {"handler": handler, "files/net": "import utils\nclass Net: who = utils.WHO"}
    workers = [make(name, **files, utils=f"WHO = {name!r}") for name in ("a", "b")]
    assert [ask(worker) for worker in workers] == [("a", "a", "a"), ("b", "b", "b")]
    assert ask(workers[0]) == ("a", "a", "a")


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


def test_error_texts_name_modules_plainly(make: Make) -> None:
    worker = make("a", handler="", **{"pack/__init__": ""}, utils="", missing="import not_there.at_all")
    expected = {
        "import pack.nothing": "No module named 'pack.nothing'",
        "import utils.part": "No module named 'utils.part'; 'utils' is not a package",
        "import missing": "No module named 'not_there'",
        "from utils import nothing": f"cannot import name 'nothing' from 'utils' ({worker.folder}/utils.py)",
        "from .pack import nothing": f"cannot import name 'nothing' from 'pack' ({worker.folder}/pack/__init__.py)",
    }
    for number, (statement, text) in enumerate(expected.items()):
        write(worker.folder, {f"try_{number}.py": statement})
        with pytest.raises(ImportError) as caught:
            worker.load(f"try_{number}")
        assert str(caught.value) == text


def test_each_archive_has_its_own_main_and_builtins(make: Make) -> None:
    """Handlers write classes into `__main__` to load pickles that a notebook made."""
    handler = (
        "import __main__, builtins, pickle, sys\nclass Net: who = {0!r}\nsetattr(__main__, 'Net', Net)\n"
        "sys.modules['__main__'].Other = Net\nbuiltins.shout = lambda: {0!r}\n"
        "def load(name): return pickle.loads(b'c__main__\\n' + name + b'\\n.').who\n"
        "def answer(): return load(b'Net'), load(b'Other'), shout()"
    )
    workers = [make(name, handler=handler.format(name)) for name in ("a", "b")]
    assert [ask(worker) for worker in workers] == [("a", "a", "a"), ("b", "b", "b")]
    assert [ask(worker) for worker in workers] == [("a", "a", "a"), ("b", "b", "b")]
    assert not hasattr(sys.modules["__main__"], "Net")
    assert not hasattr(builtins, "shout")


def test_data_files_are_read_through_the_import_system(make: Make) -> None:
    worker = make(
        "a",
        handler="import pkgutil\nfrom importlib.resources import files\n"
        "answer = files('pack').joinpath('names.txt').read_text(), pkgutil.get_data('pack', 'names.txt')",
        **{"pack/__init__": ""},
    )
    write(worker.folder, {"pack/names.txt": "one"})
    assert ask(worker) == ("one", b"one")


def test_a_closed_namespace_imports_nothing_more(make: Make) -> None:
    worker = make("a", handler="def answer():\n    import utils", utils="")
    answer = worker.load().answer
    worker.close()
    worker.close()
    with pytest.raises(ModuleNotFoundError, match="No module named 'utils'"):
        worker.run(answer)
    assert repr(worker.namespace).endswith(f"of {worker.folder}, closed>")


def test_closing_leaves_nothing_behind(tmp_path: Path) -> None:
    handler = (
        "import linecache, pkgutil, pickle, sys\nimport app, pack.part\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass Net: pass\nlinecache.getlines(__file__)\nlist(pkgutil.iter_modules())\n"
        "pickle.loads(pickle.dumps(Net()))"
    )
    folder = write(tmp_path / "a", {"handler.py": handler, "app.py": "", "pack/part.py": ""})

    def once() -> "weakref.ref[type]":
        worker = OneWorker(folder)
        net = weakref.ref(worker.load().Net)
        worker.close()
        return net

    once()
    names, descriptors = set(sys.modules), len(list(Path("/proc/self/fd").iterdir()))
    nets = [once() for _ in range(50)]
    gc.collect()
    assert set(sys.modules) == names
    assert not [path for path in sys.path_importer_cache if str(path).startswith(str(tmp_path))]
    assert not [path for path in linecache.cache if path.startswith(str(tmp_path))]
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
    assert [net for net in nets if net() is not None] == []
