"""Functions that change what a process has once: a worker whose code calls one moves to a process of its own.

Where the worker may not move (`isolation: thread`), what would harm the server is refused, or ends the worker alone.
"""

import functools
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from handler.isolation.once import once
from handler.isolation.process.guards import FORKS, GUARDS, LIBRARY_GUARDS, Guard
from handler.isolation.process.need import PROCESS_NEED


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
