"""State that a process has once, changed by one archive beside another, each on a thread.

Its change is seen by its own code alone, as in processes; or its sources, or its calls, say that it needs a process.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handler.isolation.process.need import ProcessRequired
from handler.linting.handler_linter import findings_that_need_a_process
from tests.support.one_worker import OneWorker, write

OWN = [
    ("numpy.seterr(all='raise')", "numpy.geterr()['divide']"),
    ("numpy.seterrcall(print)", "numpy.geterrcall()"),
    ("decimal.getcontext().prec = 5", "str(decimal.Decimal(1) / 3)"),
    ("decimal.setcontext(decimal.Context(prec=3))", "decimal.getcontext().prec"),
    ("logging.disable(logging.CRITICAL)", "logging.getLogger('x').isEnabledFor(logging.ERROR)"),
    ("logging.getLogger('library').setLevel(50)", "logging.getLogger('library').level"),
    ("os.environ['OF_ONE'] = '1'", "os.environ.get('OF_ONE')"),
    ("os.chdir('/')", "os.getcwd() == '/'"),
    ("os.umask(0o077)", "os.umask(0o077) == 0o077 or os.umask(0o022) and False"),
    ("sys.stdout = io.StringIO()", "type(sys.stdout).__name__"),
    ("sys.path.append('/of/one')", "'/of/one' in sys.path"),
    ("builtins.print = len", "print.__name__"),
    ("builtins.of_one = 1", "hasattr(builtins, 'of_one')"),
]
"""Statements whose effect is the worker's own, and what shows it."""

OWN_OF_TORCH = [
    ("torch.set_default_device('meta')", "str(torch.ones(1).device)"),
    ("torch.set_grad_enabled(False)", "torch.is_grad_enabled()"),
    ("torch.set_default_dtype(torch.float64)", "str(torch.ones(1).dtype)"),
]

MOVED_BY_SOURCES = [
    "decimal.DefaultContext.prec = 5",
    "http.client._MAXHEADERS = 3",
    "json.JSONEncoder.default = len",
    "json.dumps = len",
    "os.environb[b'OF_ONE'] = b'1'",
    "re.compile = len",
    "socket.getaddrinfo = len",
    "ssl._create_default_https_context = ssl._create_unverified_context",
    "sys.argv = ['of', 'one']",
    "sys.excepthook = print",
    "sys.stdin = io.StringIO()",
    "tempfile.tempdir = '/of/one'",
    "threading.excepthook = print",
    "time.time = len",
    "warnings.showwarning = print",
    "matplotlib.rcParams['font.size'] = 30",
    "mock.patch('time.time').start()",
    "polars.Config.set_tbl_rows(3)",
    "gc.callbacks.append(print)",
    "sys.meta_path.insert(0, print)",
    "torch.backends.quantized.engine = 'qnnpack'",
    "torch.default_generator.manual_seed(1)",
    "nest_asyncio.apply()",
]
"""Statements for which `auto` makes processes before they run."""

MOVED_BY_CALLS = [
    ("codecs.register(len)", "registers names"),
    ("codecs.register_error('of_one', len)", "registers names"),
    ("copyreg.pickle(complex, len)", "registers names"),
    ("csv.field_size_limit(10**9)", "fields of CSV"),
    ("csv.register_dialect('of_one', delimiter=';')", "registers names"),
    ("gc.freeze()", "garbage collector"),
    ("gettext.textdomain('of_one')", "language"),
    ("locale.setlocale(locale.LC_ALL, 'C')", "locale"),
    ("logging.addLevelName(30, 'OF_ONE')", "how all models log"),
    ("logging.setLoggerClass(logging.Logger)", "how all models log"),
    ("logging.setLogRecordFactory(logging.LogRecord)", "how all models log"),
    ("mimetypes.add_type('of/one', '.one')", "registers names"),
    ("multiprocessing.set_start_method('spawn')", "how processes start"),
    ("numpy.random.seed(1)", "seeds"),
    ("os.nice(1)", "priority"),
    ("os.putenv('OF_ONE', '1')", "variables of C"),
    ("random.seed(1)", "seeds"),
    ("resource.setrlimit(resource.RLIMIT_CORE, (0, 0))", "limits"),
    ("signal.signal(signal.SIGUSR1, signal.SIG_IGN)", "signal handlers"),
    ("socket.setdefaulttimeout(3)", "timeout of all sockets"),
    ("sqlite3.register_adapter(complex, str)", "registers names"),
    ("sqlite3.register_converter('of_one', str)", "registers names"),
    ("sys.addaudithook(len)", "watches all"),
    ("sys.set_int_max_str_digits(0)", "how long numbers"),
    ("sys.setrecursionlimit(5000)", "recursion limit"),
    ("sys.setswitchinterval(0.1)", "take turns"),
    ("urllib.request.install_opener(None)", "open URLs"),
    ("warnings.catch_warnings(record=True)", "records warnings"),
    ("warnings.simplefilter('error')", "warnings into errors"),
    ("xml.etree.ElementTree.register_namespace('one', 'of:one')", "registers names"),
]
"""Statements that are noticed as they run, and by what reason."""

MOVED_BY_CALLS_OF_TORCH = [
    ("torch.autograd.set_detect_anomaly(True)", "flags of torch"),
    ("torch.backends.mkldnn.set_flags(False)", "flags of torch"),
    ("torch.use_deterministic_algorithms(True)", "flags of torch"),
    ("torch.manual_seed(1)", "seeds"),
]

HARMLESS = [
    "codecs.lookup_error('strict')",
    "copyreg.pickle(Own, str)",
    "csv.field_size_limit()",
    "gettext.textdomain()",
    "logging.addLevelName(17, 'OF_ONE')",
    "sqlite3.register_adapter(Own, str)",
    "warnings.catch_warnings()",
]

MODULES = """
import builtins, codecs, copyreg, csv, decimal, gc, gettext, io, json, locale, logging, mimetypes, multiprocessing, os
import random, resource, signal, socket, sqlite3, sys, threading, time, urllib.request, warnings, xml.etree.ElementTree
import numpy
class Own: pass
"""


@pytest.fixture
def make(tmp_path: Path) -> Callable[[str], OneWorker]:
    """Make a loaded worker that can move, whose handler has `change` and `look(expression)`."""

    def make(change: str) -> OneWorker:
        more = "import torch\n" if "torch" in change else ""
        source = f"{MODULES}{more}def change():\n    {change}\ndef look(expression): return eval(expression)\n"
        folder = write(tmp_path / f"archive{len(list(tmp_path.iterdir()))}", {"handler.py": source})
        worker = OneWorker(folder, can_move=True)
        worker.load()
        return worker

    return make


def changed(worker: OneWorker, expression: str) -> Any:
    """The value of an expression right after the change, on the same thread."""
    handler = worker.namespace.loaded("handler")
    assert handler is not None
    return worker.run(lambda: (handler.change(), handler.look(expression))[1])


@pytest.mark.parametrize(("change", "expression"), OWN)
def test_a_change_is_the_workers_own(make: Callable[[str], OneWorker], change: str, expression: str) -> None:
    one, other = make(change), make("pass")
    before = other.call("look", expression)
    assert changed(one, expression) != before
    assert other.call("look", expression) == before
    one.close(), other.close()


@pytest.mark.parametrize(("change", "expression"), OWN_OF_TORCH)
def test_so_are_those_of_torch(make: Callable[[str], OneWorker], change: str, expression: str) -> None:
    pytest.importorskip("torch")
    one, other = make(change), make("'torch'")
    before = other.call("look", expression)
    assert changed(one, expression) != before
    assert other.call("look", expression) == before
    one.close(), other.close()


@pytest.mark.parametrize("change", MOVED_BY_SOURCES)
def test_sources_tell_that_a_process_is_needed(tmp_path: Path, change: str) -> None:
    names = "decimal, gc, http.client, io, json, matplotlib, nest_asyncio, os, polars, re, socket, ssl, sys, tempfile"
    imports = f"import {names}\nimport threading, time, torch, warnings\nfrom unittest import mock\n"
    folder = write(tmp_path / "archive", {"handler.py": f"{imports}def handle(data, context):\n    {change}\n"})
    assert findings_that_need_a_process(folder, "handler.py")


@pytest.mark.parametrize(("change", "reason"), MOVED_BY_CALLS)
def test_a_call_moves_the_worker_before_it_is_done(make: Callable[[str], OneWorker], change: str, reason: str) -> None:
    one = make(change)
    with pytest.raises(ProcessRequired, match=reason):
        one.call("change")
    one.close()


@pytest.mark.parametrize(("change", "reason"), MOVED_BY_CALLS_OF_TORCH)
def test_so_does_one_of_torch(make: Callable[[str], OneWorker], change: str, reason: str) -> None:
    torch = pytest.importorskip("torch")
    one = make(change)
    with pytest.raises(ProcessRequired, match=reason):
        one.call("change")
    assert not torch.is_anomaly_enabled()
    assert torch.backends.mkldnn.enabled
    one.close()


@pytest.mark.parametrize("change", HARMLESS)
def test_what_changes_nothing_for_others_moves_nothing(make: Callable[[str], OneWorker], change: str) -> None:
    one = make(change)
    one.call("change")
    assert not one.environment.need.reason
    one.close()


def test_nothing_of_all_that_is_left_in_this_process() -> None:
    assert sys.getrecursionlimit() < 5000
    assert sys.get_int_max_str_digits()
