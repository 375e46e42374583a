"""Archives whose modules have equal names live in one process as if each had its own."""

import gc
import importlib
import linecache
import os
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.one_worker import Make, OneWorker, ask, workers_in, write


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes workers."""
    with workers_in(tmp_path) as make:
        yield make


BY_SPEC = """
import importlib.util
spec = importlib.util.find_spec("utils")
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
answer = module.WHO
"""


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
        "import importlib, pack\nanswer = importlib.import_module('.part', pack.__package__).WHO",
        "import utils, importlib\nanswer = importlib.reload(utils).WHO",
        "import pydoc\ndef answer(): return pydoc.locate('utils').WHO",
        "import pkgutil\ndef answer(): return pkgutil.resolve_name('utils:WHO')",
        BY_SPEC,
    ],
)
def test_every_way_to_import_leads_to_the_archives_own_module(make: Make, handler: str) -> None:
    source = "WHO = {!r}".format
    files = ("utils", "pack/part")
    workers = [make(name, handler=handler, **dict.fromkeys(files, source(name))) for name in ("a", "b")]
    assert [ask(worker) for worker in workers] == ["a", "b"]
    assert [ask(worker) for worker in reversed(workers)] == ["b", "a"]


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
    assert worker.run(_import_from_the_server) == "handler.batching.gather_policy"
    worker.close()
    assert type(sys.modules["app"]) is ModuleType


def test_packages_on_the_path_that_bear_the_servers_names_are_found_by_archives(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A team's package `app`, for example, on PYTHONPATH; also by a library that lies beside it."""
    import app.settings.properties

    team = {"app/__init__.py": "", "app/settings/__init__.py": "NAME = 'team'", "app/settings/properties.py": "X = 1"}
    library = {
        "teams_library.py": "import app.settings\nfrom app.settings.properties import X\nNAME = app.settings.NAME"
    }
    monkeypatch.syspath_prepend(str(write(tmp_path / "team", team | library)))
    source = "import teams_library, app.settings, sys\nanswer = app.settings.NAME, teams_library.NAME, teams_library.X"
    assert ask(make("a", handler=source)) == ("team", "team", 1)
    assert hasattr(app.settings.properties, "parse")


@pytest.mark.parametrize("name", ["app", "model_registry", "model_registry.registry"])
def test_the_servers_packages_are_hidden_from_archives(make: Make, name: str) -> None:
    importlib.import_module(name)
    source = f"import sys\nanswer = {name!r} in sys.modules\ntry:\n    import {name}\nexcept ImportError as error:\n"
    missing = name.partition(".")[0]
    assert ask(make("a", handler=source + "    answer = answer, error.name")) == (False, missing)


def _import_from_the_server() -> str:
    """The modules that the server's own code finds on a worker's thread."""
    space = {"__name__": "handler.workers.worker"}
    source = "import handler.batching.gather_policy; name = handler.batching.gather_policy.__name__"
    exec(compile(source, str(Path(__file__).parents[4] / "handler" / "workers" / "worker.py"), "exec"), space)
    return str(space["name"])


def test_the_standard_library_wins(make: Make) -> None:
    worker = make("a", handler="import colorsys, json\nanswer = json.dumps(colorsys.ONE_THIRD > 0)")
    write(worker.folder, {"json.py": "raise SystemExit", "colorsys.py": "raise SystemExit"})
    assert ask(worker) == "true"


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


def test_a_namespace_package_of_the_process_has_the_parts_of_each_archive_too(tmp_path: Path) -> None:
    """Such as `google`, of which the server has `google.protobuf`; what the server had at first decides, so afresh."""
    write(tmp_path, {"site-packages/spread/ours.py": "WHO = 'process'", "site-packages/spread/late.py": "WHO = 'late'"})
    handler = """
import importlib
import spread.ours
import spread.theirs.deep
from spread import late, ours, theirs
from spread.theirs.deep import WHO

answer = [spread.ours.WHO, ours.WHO, late.WHO, spread.theirs.deep.WHO, theirs.deep.WHO, WHO]
answer += [importlib.import_module("spread.theirs.deep").WHO]
"""
    for name in "ab":
        write(tmp_path / name, {"handler.py": handler, "spread/theirs/deep.py": f"WHO = {name!r}"})
    script = f"""
import sys
from pathlib import Path
sys.path.append({str(tmp_path / "site-packages")!r})
import spread.ours
from tests.support.one_worker import OneWorker
workers = [OneWorker(Path({str(tmp_path)!r}, name)) for name in "ab"]
print([worker.load().answer for worker in workers], spread.ours.WHO, hasattr(spread, "theirs"))
for worker in workers:
    worker.close()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    seen = [["process", "process", "late", *[name] * 4] for name in "ab"]
    assert done.stdout.strip() == f"{seen} process False"


def test_an_archives_module_precedes_that_of_the_application_around_the_server(tmp_path: Path) -> None:
    """Also one that was imported before the first archive: an application into which the server is mounted has such."""
    application = write(tmp_path / "application", {"preprocessing.py": "OWNER = 'application'"})
    archive = write(tmp_path / "archive", {"preprocessing.py": "OWNER = 'archive'"})
    program = (
        "import preprocessing; from pathlib import Path\n"
        "from handler.isolation.modules.imports import install\n"
        "from handler.isolation.modules.namespace import Namespace\n"
        f"install(); own = Namespace(Path({str(archive)!r})).load('preprocessing')\n"
        "print(own.OWNER, preprocessing.OWNER)"
    )
    environment = {**os.environ, "PYTHONPATH": str(application)}
    output = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert output.stdout.split() == ["archive", "application"]
