"""Stand-ins in `sys.modules` under the plain names that archives use: whoever asks sees the module of his own archive.

Whatever finds modules by name alone needs them: pickle, `sys.modules[__name__]`, libraries that import by name.
"""

import importlib._bootstrap
import importlib.util
import sys
from importlib.machinery import ModuleSpec
from threading import RLock
from types import ModuleType
from typing import Any

from handler.isolation.calling_archive import calling_archive
from handler.isolation.modules import post_import

_machinery: Any = importlib._bootstrap  # noqa: SLF001
_lock = RLock()  # a finalizer may import, whatever its thread is about
_users: dict[str, set[str]] = {}
_outside: dict[str, ModuleType] = {}


class ModuleProxy(ModuleType):
    """Forwards everything to the module that the caller means; empty for whoever means none."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        # Unready for ever: the import system thus asks `ready` before it lets anybody import this.
        spec: Any = ModuleSpec(name, None)
        spec._initializing = True  # noqa: SLF001
        ModuleType.__setattr__(self, "__spec__", spec)

    def __getattribute__(self, attribute: str) -> Any:
        module = _target(_name(self))
        return super().__getattribute__(attribute) if module is None else getattr(module, attribute)

    def __setattr__(self, attribute: str, value: object) -> None:
        setattr(_required_target(self, attribute), attribute, value)

    def __delattr__(self, attribute: str) -> None:
        delattr(_required_target(self, attribute), attribute)

    def __dir__(self) -> list[str]:
        module = _target(_name(self))
        return [] if module is None else dir(module)

    def __repr__(self) -> str:
        module = _target(_name(self))
        return f"<module {_name(self)!r} of other archives>" if module is None else repr(module)


def register(name: str, user: str) -> None:
    """Put a stand-in under a plain name, over the process's own module if there is one, until `release`."""
    with _lock:
        _users.setdefault(name, set()).add(user)
        _install_proxy(name)


def release(user: str) -> None:
    """Take away the stand-ins that nobody else uses."""
    with _lock:
        for name in [name for name, users in _users.items() if user in users]:
            _users[name].discard(user)
            if not _users[name]:
                del _users[name]
                _remove_proxy(name)


def ready(name: str) -> None:
    """Import what the caller means by a name that has a stand-in; raises ModuleNotFoundError where it means nothing."""
    modules = calling_archive()
    if modules is not None and modules.owns(name):
        modules.load(name)
    elif name not in _outside:
        _import_process_module(name)


def outside(name: str) -> ModuleType | None:
    """The process's own module of that name, if it is imported."""
    module = _outside.get(name) or sys.modules.get(name)
    return None if type(module) is ModuleProxy else module


def installed(name: str) -> bool:
    """Tell whether the process has, or could import, a top-level module of its own by that name."""
    return outside(name) is not None or post_import.find_spec(name) is not None


def _name(stand_in: ModuleProxy) -> str:
    return str(ModuleType.__getattribute__(stand_in, "__dict__")["__name__"])


def _target(name: str) -> ModuleType | None:
    """Never imports: code that merely looks through `sys.modules` must not start the modules of an archive."""
    modules = calling_archive()
    if modules is not None:
        if module := modules.loaded(name):
            return module
        if modules.owns(name):
            return None
    return _outside.get(name)


def _required_target(stand_in: ModuleProxy, attribute: str) -> ModuleType:
    module = _target(_name(stand_in))
    if module is None:
        raise AttributeError(f"{stand_in!r} has no attribute {attribute!r} that could be changed")
    return module


def _install_proxy(name: str) -> None:
    module = sys.modules.get(name)
    if type(module) is not ModuleProxy:
        if module is not None:
            _outside[name] = module
        sys.modules[name] = ModuleProxy(name)


def _remove_proxy(name: str) -> None:
    if module := _outside.pop(name, None):
        sys.modules[name] = module
    elif type(sys.modules.get(name)) is ModuleProxy:
        del sys.modules[name]


def _import_process_module(name: str) -> None:
    """Import the process's own module beside its stand-in, under the lock that the import system has for the name."""
    parent = name.rpartition(".")[0]
    path = importlib.import_module(parent).__path__ if parent else None
    with _machinery._ModuleLockManager(name):  # noqa: SLF001
        if name in _outside:
            return
        spec: Any = post_import.find_spec(name, path)
        if spec is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        spec._initializing = True  # noqa: SLF001 (makes others wait for the lock)
        module = _outside[name] = importlib.util.module_from_spec(spec)
        try:
            if spec.loader is not None:  # a namespace package has nothing to execute
                spec.loader.exec_module(module)
        except BaseException:
            _outside.pop(name, None)
            raise
        finally:
            spec._initializing = False  # noqa: SLF001
        with _lock:
            _install_proxy(name)  # it may have replaced itself in `sys.modules`
