"""Code that finds modules by name alone, as pickle does, finds those of the archive that it works for."""

import builtins
import importlib
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from handler.isolation.modules.module_proxies import IMPORTED
from tests.support.one_worker import Make, ask, workers_in, write


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes workers."""
    with workers_in(tmp_path) as make:
        yield make


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
    assert "train" not in [name for name, module in list(IMPORTED.items()) if hasattr(module, "any_attribute")]
    assert not two.run(hasattr, IMPORTED["train"], "__file__")
    assert one.run(hasattr, IMPORTED["train"], "__file__")
    assert repr(IMPORTED["train"]) == "<module 'train' of other archives>"


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


def test_functions_made_anew_find_the_archives_modules(make: Make) -> None:
    """As cloudpickle makes them: with the module's name, what they use of its globals, and plain builtins."""
    source = """
import types
def who(): return model.WHO
def answer(space):
    return types.FunctionType(who.__code__, {"__name__": __name__, **space})()
"""
    workers = [make(name, handler=source, model=f"WHO = {name!r}") for name in ("a", "b")]
    for worker in workers:
        worker.load()
        worker.load("model")
    space = {"__builtins__": builtins, "model": IMPORTED["model"]}
    assert [worker.call("answer", space) for worker in workers] == ["a", "b"]


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


@pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")
def test_files_loaded_by_their_paths_are_the_archives_own(make: Make) -> None:
    handler = """
import pickle
from importlib.machinery import SourceFileLoader
net = SourceFileLoader("by_path", "files/net.py").load_module()
def answer(): return net.Net.who, pickle.loads(pickle.dumps(net.Net())).who
assert net.__file__.endswith("/files/net.py") and net.__name__ == "by_path"
"""
    files = {"handler": handler, "files/net": "from utils import WHO\nclass Net: who = WHO"}
    workers = [make(name, **files, utils=f"WHO = {name!r}") for name in ("a", "b")]
    assert [ask(worker) for worker in workers] == [("a", "a"), ("b", "b")]
    assert ask(workers[0]) == ("a", "a")
