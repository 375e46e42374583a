"""One first import of a shared library at a time, among the workers that load.

Python locks each module for itself. That is not enough where threads import a library that replaces itself in
`sys.modules`, or whose modules import each other: a thread that had to wait gets what was there before, or a module
whose code has run in part.
"""

import builtins
import logging
from builtins import __import__ as real_import
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from importlib.util import resolve_name
from threading import Lock
from types import ModuleType

from handler.isolation import thread_inheritance
from handler.isolation.calling_archive import MODULES, calling_archive
from handler.isolation.modules.module_proxies import process_module
from handler.isolation.thread_inheritance import InheritedValue

LOG = logging.getLogger("marserve.loading")
TIMEOUT_SECONDS = 120.0
"""An import that takes longer may hang, and must not keep all others from theirs."""


class ImportLock:
    """Held by one worker, with the threads that it starts meanwhile: a library may wait for them while it is imported.

    While it is held, `builtins.__import__` makes import statements of other workers wait if they name a module that is
    not there yet. The server's own threads never wait.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._owner: object = None

    def __repr__(self) -> str:
        return f"<ImportLock, {'free' if self._owner is None else 'held'}>"

    @contextmanager
    def importing(self, name: str) -> Iterator[None]:
        """Hold the lock while a module of the process that may not be there yet is imported."""
        if _OWNER.get() is self._owner is not None or MODULES.get() is None or is_ready(name):
            yield
            return
        lock = self._acquire(name)
        self._owner = owner = object()
        builtins.__import__ = _import_in_turn
        try:
            with thread_inheritance.added({_OWNER: owner}):
                yield
        finally:
            if self._owner is owner:
                self._owner = None
                builtins.__import__ = real_import
            lock.release()

    def _acquire(self, name: str) -> Lock:
        while True:
            lock = self._lock
            if not lock.acquire(timeout=TIMEOUT_SECONDS):
                LOG.warning(
                    "An import has taken more than %g s; that of %s does not wait for it.", TIMEOUT_SECONDS, name
                )
                self._lock = Lock()
            elif lock is self._lock:
                return lock
            else:  # given up meanwhile
                lock.release()


IMPORT_LOCK = ImportLock()
_OWNER: InheritedValue[object] = InheritedValue()


def is_ready(name: str) -> bool:
    """Return whether the process's module of that name is there, and its code has run, as that of its packages has."""
    while name:
        module = process_module(name)
        if module is None or getattr(getattr(module, "__spec__", None), "_initializing", False):
            return False
        name = name.rpartition(".")[0]
    return True


def _import_in_turn(
    name: str,
    globals: Mapping[str, object] | None = None,  # noqa: A002 (the names are those of `__import__`)
    locals: Mapping[str, object] | None = None,  # noqa: A002
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> ModuleType:
    """`builtins.__import__` while some worker holds the lock."""
    package = (globals or {}).get("__package__")
    full = resolve_name("." * level + name, package) if level and isinstance(package, str) and package else name
    modules = calling_archive()
    with nullcontext() if modules is not None and modules.owns(full) else IMPORT_LOCK.importing(full):
        return real_import(name, globals, locals, fromlist or (), level)
