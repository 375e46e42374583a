"""Proxies under the plain names that archives use: the caller sees the module of the archive that it works for.

All that finds modules by name alone needs them: pickle, `sys.modules[__name__]`, libraries that import by name.
"""

import importlib._bootstrap
import sys
from importlib.machinery import ModuleSpec
from threading import RLock
from types import ModuleType
from typing import Any

from handler.isolation.calling_archive import calling_archive
from handler.isolation.modules import post_import

_machinery: Any = importlib._bootstrap  # noqa: SLF001
_lock = RLock()  # a finalizer may import at any moment of its thread

IMPORTED = sys.modules
"""The interpreter's own dictionary, with proxies and private names; `sys.modules` is to become a view without them."""
MISSING: Any = object()
"""The result of `lookup` for a missing name; None in `sys.modules` means that it must not be imported."""

_users: dict[str, set[str]] = {}
_outside: dict[str, ModuleType] = {}


class ModuleProxy(ModuleType):
    """Forwards everything to the module that the caller means; empty for a caller that means none."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        # For ever initializing: the import system thus calls `import_target` before it returns this from an import.
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
    """Put a proxy under a plain name, over the process's own module if there is one, until `release`."""
    with _lock:
        _users.setdefault(name, set()).add(user)
        _install_proxy(name)


def release(user: str) -> None:
    """Remove the proxies that no other namespace uses."""
    with _lock:
        for name in [name for name, users in _users.items() if user in users]:
            _users[name].discard(user)
            if not _users[name]:
                del _users[name]
                _remove_proxy(name)


def import_target(name: str) -> None:
    """Import what the caller means by a name that has a proxy; raises ModuleNotFoundError where there is nothing."""
    modules = calling_archive()
    if modules is not None and modules.owns(name):
        modules.load(name)
    else:
        _machinery._find_and_load(name, _machinery._gcd_import)  # noqa: SLF001


def lookup(name: Any) -> ModuleType:
    """The module under a name in `sys.modules` for the calling code, or MISSING; never a proxy."""
    module = IMPORTED.get(name, MISSING)
    return (_target(name) or MISSING) if type(module) is ModuleProxy else module


def store(name: str, module: ModuleType) -> None:
    """Do what `sys.modules[name] = module` means to the calling code."""
    with _lock:
        if type(IMPORTED.get(name)) is not ModuleProxy:
            IMPORTED[name] = module
        elif (modules := calling_archive()) and modules.owns(name):
            IMPORTED[f"{modules.key}.{name}"] = module
        else:
            _outside[name] = module


def delete(name: str) -> None:
    """Do what `del sys.modules[name]` means to the calling code; raises KeyError."""
    with _lock:
        if type(IMPORTED.get(name)) is not ModuleProxy:
            del IMPORTED[name]
        elif (modules := calling_archive()) and modules.owns(name):
            del IMPORTED[f"{modules.key}.{name}"]
        else:
            del _outside[name]


def process_module(name: str) -> ModuleType | None:
    """The process's own module of that name, if it is imported."""
    module = _outside.get(name) or IMPORTED.get(name)
    return None if type(module) is ModuleProxy else module


def installed(name: str) -> bool:
    """Return whether the process has, or could import, a top-level module of its own by that name."""
    return process_module(name) is not None or post_import.find_spec(name) is not None


def _name(proxy: ModuleProxy) -> str:
    return str(ModuleType.__getattribute__(proxy, "__dict__")["__name__"])


def _target(name: str) -> ModuleType | None:
    """Never imports: code that merely looks through `sys.modules` must not start the modules of an archive."""
    modules = calling_archive()
    if modules is not None:
        if module := modules.loaded(name):
            return module
        if modules.owns(name):
            return None
    return _outside.get(name)


def _required_target(proxy: ModuleProxy, attribute: str) -> ModuleType:
    module = _target(_name(proxy))
    if module is None:
        raise AttributeError(f"{proxy!r} has no attribute {attribute!r} that could be changed")
    return module


def _install_proxy(name: str) -> None:
    module = IMPORTED.get(name)
    if type(module) is not ModuleProxy:
        if module is not None:
            _outside[name] = module
        IMPORTED[name] = ModuleProxy(name)


def _remove_proxy(name: str) -> None:
    if module := _outside.pop(name, None):
        IMPORTED[name] = module
    elif type(IMPORTED.get(name)) is ModuleProxy:
        del IMPORTED[name]
