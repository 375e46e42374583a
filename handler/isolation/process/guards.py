"""The functions that change what a process has once, and which calls of them do so."""

import _thread
import codecs
import copyreg
import faulthandler
import gc
import locale
import logging
import os
import random
import resource
import signal
import socket
import sys
import threading
import time
import tracemalloc
import warnings
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from handler.isolation.calling_archive import directly_calling_archive
from handler.isolation.process.exit_trap import EXIT_TRAP
from handler.isolation.process.need import PROCESS_NEED, ProcessNeed
from handler.isolation.process.working_directory import CURRENT_DIRECTORY

SAFE_RECURSION_LIMIT = 10_000
"""Frames for which a thread's stack suffices, also where C code recurses."""
SIGNAL_STATUS = 128
"""Shells add it to the number of the signal that ended a process."""

Condition = Callable[..., bool]


def by_archive(*_: Any, **__: Any) -> bool:
    """Return whether an archive's own code is calling: libraries change much and restore it."""
    return directly_calling_archive() is not None


def by_archive_or_seeding(*_: Any, **__: Any) -> bool:
    """The same, or a library's function that seeds all generators at once, such as `seed_everything`."""
    caller = sys._getframe(2)  # noqa: SLF001
    return by_archive() or any(word in caller.f_code.co_name for word in ("seed", "determinis"))


def by_archive_with_another_state(state: object) -> bool:
    """The same as by_archive, but that a generator's state in force is restored, as torch.compile does in its calls."""
    return by_archive() and state != random.getstate()


def always(*_: Any, **__: Any) -> bool:
    """True."""
    return True


def never(*_: Any, **__: Any) -> bool:
    """False."""
    return False


def _with_argument(*arguments: Any, **named: Any) -> bool:
    """Return whether a setting is set, not only read."""
    return any(value not in (None, 0) for value in (*arguments, *named.values()))


def _sets_locale(category: int, value: object = None) -> bool:
    return value is not None


def _sets_recursion(limit: Any) -> bool:
    return by_archive() or _exceeds_stack(limit)


def _exceeds_stack(limit: Any) -> bool:
    return isinstance(limit, int) and limit > SAFE_RECURSION_LIMIT


def _is_own_process(pid: Any, number: Any) -> bool:
    return bool(number) and pid in (0, -1, os.getpid(), os.getppid(), -os.getpgrp())


def _is_own_group(group: Any, number: Any) -> bool:
    return bool(number) and group in (0, os.getpgrp())


def _shares_pyplot(*_: Any, **__: Any) -> bool:
    """Return whether another worker than the calling one has used pyplot before, and still lives."""
    global _pyplot_user
    need = PROCESS_NEED.get()
    with _lock:
        user = _pyplot_user()
        if user is None and need is not None:
            _pyplot_user = weakref.ref(need)
    return user is not None and user is not need


_lock = threading.Lock()
_pyplot_user: Callable[[], ProcessNeed | None] = lambda: None  # noqa: E731 (a weak reference later)


def _shares_umask(*_: Any) -> bool:
    """Return whether the system has refused to part the worker's thread: its mask goes with its working directory."""
    return CURRENT_DIRECTORY.get() is not None


def _raises_errors(action: object, *_: Any, **__: Any) -> bool:
    return action == "error"


def _renames_level(level: Any, name: Any) -> bool:
    """Return whether a level of logging has another name already."""
    return by_archive() and logging.getLevelName(level) not in (name, f"Level {level}")


def _is_shared_class(cls: Any, *_: Any) -> bool:
    """Return whether a class is not the calling archive's own."""
    modules, name = directly_calling_archive(), str(getattr(cls, "__module__", ""))
    return modules is not None and (name in sys.stdlib_module_names or not modules.owns(name))


def _sets_by_archive(*arguments: Any, **named: Any) -> bool:
    return by_archive() and _with_argument(*arguments, **named)


def _records_warnings(*_: Any, record: bool = False, **__: Any) -> bool:
    return record and by_archive()


def _end_worker(*arguments: Any) -> None:
    """End the calling worker as the signal would end its process."""
    trap = EXIT_TRAP.get()
    if trap is not None:
        trap.end_worker(SIGNAL_STATUS + int(arguments[-1] if arguments else signal.SIGABRT))


@dataclass(frozen=True, slots=True)
class Guard:
    """A function of a module, and what it means that a worker's code calls it."""

    name: str
    reason: str
    counts: Condition = always
    """With the arguments of a call: whether that needs a process."""
    harms: Condition = never
    """The same: whether it must not happen on a thread, wherever the archive is to run."""
    instead: Callable[..., Any] = lambda *_, **__: None
    """The replacement of a call that must not happen."""


SIGNALS = "sets signal handlers or alarms"
KILLS = "kills its process"
SEEDS = "seeds a global random generator"
TRACES = "traces all threads"
COLLECTOR = "changes the garbage collector"
FORKS = "forks its process"
REGISTERS = "registers names, types or formats with a module that all models share"
TORCH_FLAGS = "sets flags of torch that hold for all threads"
LOGGING = "changes how all models log"

GUARDS: dict[ModuleType, Iterable[Guard]] = {
    _thread: [Guard("interrupt_main", KILLS, harms=always)],
    codecs: [Guard(name, REGISTERS, by_archive) for name in ("register", "register_error")],
    copyreg: [Guard("pickle", REGISTERS, _is_shared_class)],
    faulthandler: [Guard("dump_traceback_later", SIGNALS, harms=always), Guard("register", SIGNALS, harms=always)],
    gc: [Guard(name, COLLECTOR, by_archive) for name in ("disable", "freeze", "set_debug", "set_threshold")],
    locale: [Guard("setlocale", "sets the locale", _sets_locale)],
    logging: [
        Guard("addLevelName", LOGGING, _renames_level),
        *(Guard(name, LOGGING, by_archive) for name in ("setLoggerClass", "setLogRecordFactory")),
    ],
    os: [
        Guard("abort", KILLS, harms=always, instead=_end_worker),
        Guard("kill", KILLS, _is_own_process, _is_own_process, _end_worker),
        Guard("killpg", KILLS, _is_own_group, _is_own_group, _end_worker),
        *(Guard(name, FORKS) for name in ("fork", "forkpty")),
        *(Guard(name, "sets variables of C alone", by_archive) for name in ("putenv", "unsetenv")),
        Guard("umask", "sets the mask of new files", _shares_umask),
        *(Guard(name, "sets its priority", _with_argument) for name in ("nice", "setpriority")),
    ],
    random: [
        Guard("seed", SEEDS, by_archive_or_seeding),
        Guard("setstate", SEEDS, by_archive_with_another_state),
    ],
    resource: [Guard("setrlimit", "sets the limits of its process", harms=always)],
    signal: [
        *(Guard(name, SIGNALS) for name in ("signal", "set_wakeup_fd", "siginterrupt")),
        *(Guard(name, SIGNALS, _with_argument, _with_argument) for name in ("alarm", "setitimer")),
        Guard("raise_signal", KILLS, harms=always, instead=_end_worker),
    ],
    socket: [Guard("setdefaulttimeout", "sets the timeout of all sockets", _with_argument)],
    sys: [
        Guard("setrecursionlimit", "raises the recursion limit", _sets_recursion, _exceeds_stack),
        Guard("set_int_max_str_digits", "sets how long numbers may be", by_archive),
        Guard("addaudithook", "watches all that its process does", harms=always),
        Guard("setswitchinterval", "sets how threads take turns"),
        Guard("setdlopenflags", "sets how native modules are loaded", by_archive),
    ],
    threading: [
        Guard("stack_size", "sets the stack of all threads", _with_argument),
        *(Guard(name, TRACES, _with_argument) for name in ("settrace", "setprofile")),
    ],
    time: [Guard("tzset", "sets the time zone")],
    tracemalloc: [Guard("start", "traces all memory")],
    warnings: [
        *(Guard(name, "turns warnings into errors", _raises_errors) for name in ("simplefilter", "filterwarnings")),
        Guard("catch_warnings.__init__", "records warnings", _records_warnings),
    ],
}  # fmt: skip
"""Those of the standard library."""

LIBRARY_GUARDS: dict[str, Iterable[Guard]] = {
    "csv": [
        Guard("field_size_limit", "sets how long fields of CSV may be", _sets_by_archive),
        *(Guard(name, REGISTERS, by_archive) for name in ("register_dialect", "unregister_dialect")),
    ],
    "gettext": [
        Guard(name, "chooses the language of all texts", _sets_by_archive) for name in ("textdomain", "bindtextdomain")
    ],
    "mimetypes": [Guard("add_type", REGISTERS, by_archive)],
    "sqlite3": [
        Guard("register_adapter", REGISTERS, _is_shared_class),
        Guard("register_converter", REGISTERS, by_archive),
    ],
    "urllib.request": [Guard("install_opener", "sets how all models open URLs", by_archive)],
    "xml.etree.ElementTree": [Guard("register_namespace", REGISTERS, by_archive)],
    "matplotlib._pylab_helpers": [
        Guard(f"Gcf.{name}", "draws with pyplot, as another worker does", _shares_pyplot)
        for name in ("get_active", "get_fig_manager", "set_active", "_set_new_active_manager")
    ],
    "multiprocessing": [Guard("set_start_method", "sets how processes start, which may be done once")],
    "torch.autograd.anomaly_mode": [
        Guard(f"{name}.__init__", TORCH_FLAGS, by_archive) for name in ("detect_anomaly", "set_detect_anomaly")
    ],
    **{
        f"torch.backends.{module}": [Guard(name, TORCH_FLAGS, by_archive) for name in ("set_flags", "flags")]
        for module in ("mkldnn", "nnpack", "opt_einsum")
    },
    "numpy.random": [Guard(name, SEEDS, by_archive_or_seeding) for name in ("seed", "set_state")],
    **dict.fromkeys(
        ("torch", "torch.random"),
        [Guard(name, SEEDS, by_archive_or_seeding) for name in ("manual_seed", "seed", "set_rng_state")]
        + [
            Guard(name, TORCH_FLAGS, by_archive_or_seeding)
            for name in (
                "use_deterministic_algorithms", "set_deterministic_debug_mode", "set_float32_matmul_precision",
                "set_flush_denormal", "set_num_interop_threads", "set_printoptions",
            )
        ],
    ),
}  # fmt: skip
"""Those of libraries, by the module that has them."""
