"""Functions that change what a process has once: a worker whose code calls one moves to a process of its own.

Where the worker may not move (`isolation: thread`), what would harm the server is refused, or ends the worker alone.
"""

import _thread
import faulthandler
import functools
import gc
import locale
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
from handler.isolation.once import once
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

GUARDS: dict[ModuleType, Iterable[Guard]] = {
    _thread: [Guard("interrupt_main", KILLS, harms=always)],
    faulthandler: [Guard("dump_traceback_later", SIGNALS, harms=always), Guard("register", SIGNALS, harms=always)],
    gc: [Guard(name, COLLECTOR, by_archive) for name in ("disable", "freeze", "set_debug", "set_threshold")],
    locale: [Guard("setlocale", "sets the locale", _sets_locale)],
    os: [
        Guard("abort", KILLS, harms=always, instead=_end_worker),
        Guard("kill", KILLS, _is_own_process, _is_own_process, _end_worker),
        Guard("killpg", KILLS, _is_own_group, _is_own_group, _end_worker),
        *(Guard(name, FORKS) for name in ("fork", "forkpty")),
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
        Guard(name, "turns warnings into errors", _raises_errors) for name in ("simplefilter", "filterwarnings")
    ],
}  # fmt: skip
"""Those of the standard library."""

LIBRARY_GUARDS: dict[str, Iterable[Guard]] = {
    "matplotlib._pylab_helpers": [
        Guard(f"Gcf.{name}", "draws with pyplot, as another worker does", _shares_pyplot)
        for name in ("get_active", "get_fig_manager", "set_active", "_set_new_active_manager")
    ],
    "multiprocessing": [Guard("set_start_method", "sets how processes start, which may be done once")],
    "numpy.random": [Guard(name, SEEDS, by_archive_or_seeding) for name in ("seed", "set_state")],
    **dict.fromkeys(
        ("torch", "torch.random"),
        [Guard(name, SEEDS, by_archive_or_seeding) for name in ("manual_seed", "seed", "set_rng_state")]
        + [
            Guard(name, "sets flags of torch that hold for all threads", by_archive_or_seeding)
            for name in (
                "use_deterministic_algorithms", "set_deterministic_debug_mode", "set_float32_matmul_precision",
                "set_flush_denormal", "set_num_interop_threads", "set_printoptions",
            )
        ],
    ),
}  # fmt: skip
"""Those of libraries, by the module that has them."""


@once
def install() -> None:
    """Guard the functions of the standard library."""
    for module, guards in GUARDS.items():
        protect(module, guards)


def protect_library(module: ModuleType) -> None:
    """Guard the functions of a library that has just been imported."""
    protect(module, LIBRARY_GUARDS[module.__name__])


def protect(module: Any, guards: Iterable[Guard]) -> None:
    """Replace functions of a module, or of its classes, by such as mind their guards on the threads of workers."""
    for guard in guards:
        owner_name, _, name = guard.name.rpartition(".")
        owner = getattr(module, owner_name) if owner_name else module
        original = getattr(owner, name, None)
        if original is not None and not hasattr(original, "guard"):
            setattr(owner, name, _guarded(original, guard))


def _guarded(original: Callable[..., Any], guard: Guard) -> Callable[..., Any]:
    @functools.wraps(original)
    def guarded(*arguments: Any, **named: Any) -> Any:
        need = PROCESS_NEED.get()
        if need is None or not guard.counts(*arguments, **named):
            return original(*arguments, **named)
        need.require(guard.reason)
        if guard.harms(*arguments, **named):
            need.refuse(guard.reason)
            return guard.instead(*arguments)
        if need.can_move and guard.reason != FORKS:
            return None  # it will be done where the worker moves
        return original(*arguments, **named)

    setattr(guarded, "guard", guard)  # noqa: B010 (mypy forbids the plain assignment)
    return guarded
