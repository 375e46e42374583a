"""All ways to ask for a module give an archive what it would see in a process of its own, whatever else is loaded."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.one_worker import OneWorker, write

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

LIBRARY = """
import importlib, importlib.util, sys
from importlib.util import find_spec

def has(name): return importlib.util.find_spec(name) is not None, find_spec(name) is not None
def loaded(name): return name in sys.modules, sys.modules.get(name) is not None, name in list(sys.modules)
def attribute(module, name): return getattr(sys.modules[module], name)
def names(): return sorted(name for name in sys.modules if name.startswith(("_mar_", "datasets", "torchaudio")))
def attempt(name):
    try:
        return importlib.import_module(name).__name__
    except ImportError as error:
        return type(error).__name__, error.name, str(error)
"""
OTHER = {
    "handler.py": "import datasets.load, torchaudio, utils",
    "datasets/__init__.py": "",
    "datasets/load.py": "",
    "torchaudio.py": "",
    "utils.py": "WHO = 'the other archive'",
    "datasets-9.dist-info/METADATA": "Metadata-Version: 2.1\nName: datasets\nVersion: 9\n",
}
OWN = {
    "utils.py": "import beside\nWHO = beside.WHO\ndef function(): pass\n",
    "beside.py": "WHO = 'own'",
    "pack/__init__.py": "from .part import WHO",
    "pack/part.py": "WHO = 'own'",
    "pack/data.txt": "data",
    "own-1.2.dist-info/METADATA": "Metadata-Version: 2.1\nName: own\nVersion: 1.2\n",
}
WAYS = """
answer = importlib.util.find_spec('datasets'), importlib.util.find_spec('torchaudio')

from importlib.util import find_spec
answer = find_spec('datasets'), find_spec('utils').name

answer = sharedlibrary.has('datasets'), sharedlibrary.has('torchaudio'), sharedlibrary.has('utils')

import utils
answer = sharedlibrary.loaded('datasets'), sharedlibrary.loaded('utils'), sharedlibrary.names()

answer = sharedlibrary.loaded('utils')

import utils
answer = sharedlibrary.attribute('utils', 'WHO')

answer = [sharedlibrary.attempt(name) for name in ('datasets', 'datasets.load', 'pack')]

try:
    import datasets.load
except ImportError as error:
    answer = error.name, str(error)

try:
    importlib.util.find_spec('datasets.load')
except ImportError as error:
    answer = error.name, str(error)

answer = 'datasets' in sys.modules, sys.modules.get('torchaudio'), 'utils' in sys.modules, len(sys.modules) > 9

answer = isinstance(sys.modules, dict), type(sys.modules | {}), {**sys.modules}['sys'] is sys

spec = importlib.util.find_spec('pack.part')
answer = spec.name, spec.parent, bool(spec.loader)

import utils
spec = importlib.util.find_spec('utils')
answer = spec is utils.__spec__, spec.name, __spec__.name

import pack.part as part
answer = part.__package__, part.__spec__.parent, part.__name__, __package__

import utils
answer = utils.__loader__.name, utils.__loader__.is_package('utils')

spec = importlib.util.find_spec('utils')
module = importlib.util.module_from_spec(spec)
before = module.__name__
spec.loader.exec_module(module)
answer = before, module.__name__, module.__package__, module.WHO

spec = importlib.util.find_spec('pack')
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
answer = module.__name__, module.__package__, module.WHO

spec = importlib.util.spec_from_file_location('utils', FILE)
module = importlib.util.module_from_spec(spec)
sys.modules['utils'] = module
spec.loader.exec_module(module)
import utils
answer = utils is module, utils.WHO

loader = importlib.machinery.SourceFileLoader('named', FILE)
spec = importlib.util.spec_from_loader('named', loader)
module = importlib.util.module_from_spec(spec)
loader.exec_module(module)
answer = module.WHO, module.__name__

spec = importlib.util.find_spec('utils')
spec.loader = importlib.util.LazyLoader(spec.loader)
module = sys.modules['utils'] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
answer = module.WHO

names = {each.name for each in pkgutil.iter_modules()}
answer = [each in names for each in OWN]

import pack
answer = [__import__(each.name, fromlist=['x']).__name__ for each in pkgutil.walk_packages(pack.__path__, 'pack.')]

answer = pkgutil.get_data('pack', 'data.txt'), pkgutil.resolve_name('pack.part:WHO')

answer = (importlib.resources.files('pack') / 'data.txt').read_text()

answer = importlib.metadata.version('own')

try:
    importlib.metadata.version('datasets')
except importlib.metadata.PackageNotFoundError as error:
    answer = str(error)

import inspect, utils
answer = inspect.getsource(utils), inspect.getmodule(utils.function).__name__

import runpy
answer = runpy.run_module('utils')['WHO'], runpy.run_path('utils.py')['WHO']

import utils
utils.WHO = 'changed'
answer = importlib.reload(utils).WHO

import utils
del sys.modules['utils']
import utils as again
answer = again is utils, again.WHO

import types
from unittest import mock
fake = types.ModuleType('fake')
with mock.patch.dict(sys.modules, {'fake': fake}):
    import fake as found
answer = found is fake, 'fake' in sys.modules, 'handler' in sys.modules

sys.modules['datasets'] = sys.modules['pack'] = None
answer = []
for name in ('datasets', 'pack'):
    try:
        __import__(name)
    except ImportError as error:
        answer.append((error.name, str(error)))

import pydoc
answer = pydoc.locate('datasets'), pydoc.locate('pack.part.WHO')
"""
"""Ways to ask, each with an answer, between empty lines."""
IMPORTS = "import importlib, importlib.metadata, importlib.resources, importlib.util, os, pkgutil, sharedlibrary, sys\n"
FILE = "FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'utils.py')\n"


CASES = WAYS.strip().split("\n\n")
ONE_PROCESS_EACH = """
import os, sys
sys.path.insert(0, 'site')
for folder in sorted(os.listdir('cases')):
    if os.fork() == 0:
        os.chdir(f'cases/{folder}')
        sys.path[:2] = [os.getcwd(), '../../site']
        import handler
        print(repr((int(folder), handler.answer)), flush=True)
        os._exit(0)
    os.wait()
"""


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a shared library, an archive for each case, and the answers that each gives alone."""
    folder = tmp_path_factory.mktemp("lookups")
    write(folder / "site", {"sharedlibrary.py": LIBRARY})
    for number, case in enumerate(CASES):
        source = f"{IMPORTS}{FILE}OWN = ['beside', 'pack', 'utils', 'datasets']\n{case}"
        write(folder / "cases" / f"{number:02}", {"handler.py": source, **OWN})
    with (folder / "answers").open("wb") as answers:
        subprocess.run([sys.executable, "-W", "ignore", "-c", ONE_PROCESS_EACH], stdout=answers, check=True, cwd=folder)
    return folder


@pytest.fixture
def other(cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OneWorker]:
    """Another archive that is loaded already."""
    monkeypatch.syspath_prepend(cases / "site")
    monkeypatch.delitem(sys.modules, "sharedlibrary", raising=False)
    worker = OneWorker(write(tmp_path, OTHER))
    worker.load()
    yield worker
    worker.close()


@pytest.mark.parametrize(("number", "case"), list(enumerate(CASES)))
def test_an_archive_sees_what_it_would_see_alone(cases: Path, other: OneWorker, number: int, case: str) -> None:
    worker = OneWorker(cases / "cases" / f"{number:02}")
    answer = worker.load().answer
    worker.close()
    assert repr((number, answer)) == (cases / "answers").read_text().splitlines()[number]
    assert other.namespace.loaded("datasets") is not None
