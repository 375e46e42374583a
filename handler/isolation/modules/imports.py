"""The functions of the import system, made aware of archives."""

import builtins
import importlib
import importlib._bootstrap
import importlib.util
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import FunctionType, ModuleType
from typing import Any, cast

from handler.isolation.calling_archive import (
    PREFIX,
    SERVER,
    Modules,
    calling_archive,
    directly_calling_archive,
    is_importing_library,
)
from handler.isolation.modules import finder, module_proxies, modules_view
from handler.isolation.modules.finder import SourceLoader
from handler.isolation.modules.import_lock import IMPORT_LOCK
from handler.isolation.modules.module_proxies import IMPORTED
from handler.isolation.once import once

import_module = importlib.import_module
spec_from_file = importlib.util.spec_from_file_location
_machinery: Any = importlib._bootstrap  # noqa: SLF001


def import_for(
    modules: Modules,
    name: str,
    globals: Mapping[str, object] | None = None,  # noqa: A002 (the names are those of `__import__`)
    locals: Mapping[str, object] | None = None,  # noqa: A002
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> ModuleType:
    """`__import__` in the builtins of an archive: all import statements of its code come here."""
    plain = _absolute(modules, name, globals, level) if fromlist or not level else None
    if plain is None or (plain and not modules.owns(plain)):
        return builtins.__import__(name, globals, locals, fromlist or (), level)
    if not fromlist:
        modules.load(plain)
        return modules.load(plain.partition(".")[0])
    module = modules.load(plain) if plain else IMPORTED[modules.key]
    _import_submodules(modules, module, plain, fromlist)
    return module


def _absolute(modules: Modules, name: str, globals: Mapping[str, object] | None, level: int) -> str | None:  # noqa: A002
    """The plain absolute name, "" for the archive's top itself; None where the import system is to complain."""
    if not level:
        return name
    package = (globals or {}).get("__package__")
    if not isinstance(package, str):
        return None
    # A top-level module may import what lies beside it relatively, as if the archive were a package.
    full = importlib.util.resolve_name("." * level + name, f"{modules.key}.{package}".rstrip("."))
    return full.removeprefix(modules.key).removeprefix(".")


def _import_submodules(modules: Modules, module: ModuleType, plain: str, names: Iterable[str]) -> None:
    """Import those of the names that are submodules; the statement itself complains of what is not there."""
    if not hasattr(module, "__path__"):
        return
    for name in names:
        if name == "*":
            _import_submodules(modules, module, plain, [each for each in getattr(module, "__all__", ()) if each != "*"])
        elif not hasattr(module, name):
            _import_if_there(modules, f"{plain}.{name}".lstrip("."))


def _import_if_there(modules: Modules, name: str) -> None:
    try:
        modules.load(name) if modules.owns(name) else import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise


@once
def install() -> None:
    """Put the functions in place, and the finder that serves them."""
    finder.install()
    modules_view.install()
    _replace_import_module()
    _replace_find_spec()
    _replace_spec_from_file()
    for function in (_exec, _load, _find_and_load, _lock_unlock_module):
        _replace_in_machinery(cast("FunctionType", function))


def _replace_import_module() -> None:
    def import_module_for_asker(name: str, package: str | None = None) -> ModuleType:
        """Give archives the module itself; libraries, which may keep it for other archives, the stand-in."""
        modules = directly_calling_archive()
        plain = importlib.util.resolve_name(name, package)
        return modules.load(plain) if modules and modules.owns(plain) else import_module(name, package)

    importlib.import_module = import_module_for_asker


def _replace_find_spec() -> None:
    find_spec = importlib.util.find_spec

    def find_spec_for_caller(name: str, package: str | None = None) -> ModuleSpec | None:
        """Hide modules that a library is not to see, also those that the archive has imported already."""
        full = importlib.util.resolve_name(name, package) if package else name
        modules = calling_archive()
        is_hidden = modules is not None and modules.owns(full) and finder.is_hidden(full)
        return None if is_hidden else find_spec(name, package)

    importlib.util.find_spec = find_spec_for_caller


def _replace_spec_from_file() -> None:
    def spec_for_asker(name: str, location: Any = None, *, loader: Any = None, **options: Any) -> Any:
        """Let a file that an archive loads by its path import what the archive can."""
        modules = directly_calling_archive()
        if modules and loader is None and str(location).endswith(".py"):
            location = os.path.abspath(location)  # noqa: PTH100 (pathlib's asks another getcwd)
            loader = SourceLoader(modules, name, location)
        return spec_from_file(name, location, loader=loader, **options)

    importlib.util.spec_from_file_location = spec_for_asker


def _exec(original: Callable[[Any, ModuleType], ModuleType], spec: Any, module: ModuleType) -> ModuleType:
    """Called to load a file into a module that is there, if only as a stand-in for other archives."""
    return _machinery._load(spec) if type(module) is module_proxies.ModuleProxy else original(spec, module)  # noqa: SLF001


def _load(original: Callable[[Any], ModuleType], spec: Any) -> ModuleType:
    """Called to load a file under any name, as a loader's `load_module` does."""
    modules = None if spec.name.startswith(PREFIX) else calling_archive()
    if modules is None or not isinstance(spec.loader, SourceFileLoader):
        return original(spec)
    module_proxies.register(spec.name, modules.key)
    name = f"{modules.key}.{spec.name}"
    return original(spec_from_file(name, spec.origin, loader=SourceLoader(modules, name, spec.origin)))


def _find_and_load(original: Callable[[str, Any], ModuleType], name: str, import_: Any) -> ModuleType:
    """Called for a name that may not be in `sys.modules`: a library's import of an archive's module, if it is one.

    An archive with a `handler.py` does not keep torch's compiler from the server's `handler.isolation`.
    """
    if name.startswith(PREFIX):
        return original(name, import_)
    modules = calling_archive()
    if modules is None or not modules.owns(name):
        with IMPORT_LOCK.importing(name):
            return original(name, import_)
    _forbid_hidden(name)
    try:
        modules.load(name)
    except ModuleNotFoundError:
        top, dot, _ = name.partition(".")
        if top in SERVER and dot and name in IMPORTED:
            return IMPORTED[name]
        raise
    module_proxies.register(name, modules.key)
    return IMPORTED[name]


def _forbid_hidden(name: str) -> None:
    """Raise ModuleNotFoundError where a shared library is being imported, and is not to see a module of the archive."""
    if is_importing_library() and finder.is_hidden(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def _lock_unlock_module(original: Callable[[str], None], name: str) -> None:
    """Called for a name that has an entry, but not a ready one: stand-ins seem so until theirs is imported."""
    if type(IMPORTED.get(name)) is module_proxies.ModuleProxy:
        module_proxies.import_target(name)
    original(name)


def _replace_in_machinery(function: FunctionType) -> None:
    """Replace the function of that name, which the import system looks up whenever it needs it, since Python 3.4."""
    original = getattr(_machinery, function.__name__)
    # By its file name the interpreter knows a frame of the import system, and hides it from tracebacks.
    function.__code__ = function.__code__.replace(co_filename=original.__code__.co_filename)
    setattr(_machinery, function.__name__, partial(function, original))
