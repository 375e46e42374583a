"""The modules of one worker of one archive: any number of archives may call theirs `handler`, `model` or `utils`."""

import builtins
import linecache
import os.path
import sys
from collections.abc import Mapping, Sequence
from functools import cache, partial
from importlib.machinery import ModuleSpec
from itertools import count
from pathlib import Path
from types import CodeType, ModuleType

from handler.isolation.calling_archive import MARK, PREFIX, SERVER, SERVER_FOLDER, without_machinery
from handler.isolation.modules import module_proxies
from handler.isolation.modules.archive_sys import ArchiveSys
from handler.isolation.modules.finder import (
    FINDER,
    find_in,
    forget_files,
    has_module,
    has_part,
    has_portion,
    has_submodule,
    is_namespace_package,
    show_plainly,
)
from handler.isolation.modules.imports import import_for, import_module
from handler.isolation.modules.module_proxies import IMPORTED
from handler.isolation.modules.modules_view import ArchiveModules

_numbers = count(1)

# A second copy of these would crash or quarrel with the first, or is the contract itself.
_NEVER_TWICE = frozenset({"ts", "triton_python_backend_utils", "numpy", "torch", "onnxruntime"})

_LIBRARY_FOLDERS = frozenset({"site-packages", "dist-packages"})


class Namespace:
    """Where an archive's import statements lead.

    Each module is imported twice: under a private name (`_mar_7.model`) the module itself, and under its plain
    name a proxy, shared by all archives, which forwards to the module that the caller means.
    """

    # What code can see of the names is plain: pickles that handlers write, their loggers, `__package__`, `__spec__` and
    # `sys.modules[__name__]` are then what they are in a process. Of all that goes by these names, experiments found
    # nothing to mind it but TorchScript's types, for which torchscript.py cares.

    def __init__(self, folder: Path, packages: Path | None = None) -> None:
        self.folder = folder
        self.key = f"{PREFIX}{next(_numbers)}"
        self.closed = False
        self._process_path = frozenset(sys.path)
        hidden = os.path.realpath(SERVER_FOLDER)
        self._process_folders = [folder for folder in map(os.path.realpath, sys.path) if folder != hidden]
        own = dict.fromkeys(map(str, filter(None, (folder, packages))))
        self.system = ArchiveSys([*own, *sys.path], ArchiveModules(self))  # type: ignore[arg-type]
        """The archive's `sys`."""
        IMPORTED[f"{self.key}.sys"] = self.system
        self.builtins = self._add("builtins", {**vars(builtins), "__import__": partial(import_for, self), MARK: self})
        self._add("__main__", {})  # not the server's, also lest children of multiprocessing run the server's script
        IMPORTED[self.key] = self._package()
        FINDER.add(self)
        self._proxy_loaded_modules()

    def __repr__(self) -> str:
        return f"<Namespace {self.key} of {self.folder}{', closed' if self.closed else ''}>"

    @property
    def path(self) -> list[str]:
        """The archive's `sys.path`."""
        return self.system.path

    @property
    def roots(self) -> list[str]:
        """The folders whose modules are the archive's, absolute: its own, and what it adds to `sys.path`."""
        own = str(self.folder)
        path = [entry for entry in self.system.path if isinstance(entry, str)]  # others are overlooked, as in Python
        return [str(self.folder / entry) for entry in path if entry == own or entry not in self._process_path]

    def search_path(self, top: str) -> list[str]:
        """The folders in which the archive's module of that top-level name is searched, absolute.

        The server's packages are hidden from archives, so others of their names are found as in a process without the
        server: on the process's path, too, such as a team's package `app` on PYTHONPATH.
        """
        if top not in SERVER:
            return self.roots
        return self.roots + [folder for folder in self._process_folders if folder not in self.roots]

    def owns(self, name: str) -> bool:
        """Return whether a plain dotted name is the archive's: all of a package is, or nothing.

        The standard library always wins, and so do the libraries that the server had imported before the first archive.
        But the names of the server's packages are free for all archives, and of a namespace package, such as `google`,
        each has the parts that its own folders hold.
        """
        top = name.partition(".")[0]
        if top in SERVER:  # the archive's alone, wherever they lie
            return not self.closed
        if top in _shared_namespace_packages():
            return not self.closed and has_part(self.roots, name)
        if f"{self.key}.{top}" in IMPORTED:  # None where its code forbids the import
            return True
        return not self.closed and top not in _shared() and self.holds(top)

    def holds(self, top: str) -> bool:
        """Return whether the archive's folders hold a module of that top-level name, even if another precedes it."""
        # Never cached: archives unpack modules while they are imported.
        roots = self.roots
        if any(has_module(root, top) for root in roots):
            return True
        # An installed package precedes a mere folder of its name (of weights, say), as in the import system.
        return any(has_portion(root, top) for root in roots) and (top in SERVER or not module_proxies.installed(top))

    def forbids(self, top: str) -> bool:
        """Return whether a handler module of that name could only do harm: the process uses another one already."""
        return top in _NEVER_TWICE or (
            top in sys.stdlib_module_names and module_proxies.process_module(top) is not None
        )

    def loaded(self, name: str) -> ModuleType | None:
        """The archive's module of that plain name, if it is imported already."""
        return IMPORTED.get(f"{self.key}.{name}")

    def load(self, name: str) -> ModuleType:
        """Import the archive's module of that plain name; raises what its code raises."""
        try:
            return import_module(f"{self.key}.{name}")
        except BaseException as error:
            if isinstance(error, ModuleNotFoundError):
                _speak_plainly(error, self.key)
            error.__traceback__ = without_machinery(error.__traceback__)
            raise

    def find(self, name: str, path: Sequence[str] | None = None) -> ModuleSpec | None:
        """The spec, under its private name, of the module with that plain name; None if there is none."""
        parent = name.rpartition(".")[0]
        if not parent:
            path = self.search_path(name)
        elif path is None:
            path = list(self.load(parent).__path__)
        return find_in(self, f"{self.key}.{name}", path)

    def run(self, module: ModuleType, name: str, code: CodeType | None) -> None:
        """Execute a module's code under its plain name, with builtins whose `__import__` leads here."""
        show_plainly(module, name)
        vars(module)["__builtins__"] = vars(self.builtins)
        if code is not None:
            exec(code, vars(module))  # noqa: S102

    def close(self) -> None:
        """Forget all modules; code that still runs keeps what it has, but imports nothing more."""
        if self.closed:
            return
        self.closed = True
        FINDER.remove(self)
        module_proxies.release(self.key)
        for name in [name for name in list(IMPORTED) if f"{name}.".startswith(f"{self.key}.")]:
            IMPORTED.pop(name, None)
        forget_files(self.roots, (linecache.cache, sys.path_importer_cache))

    def _add(self, name: str, contents: Mapping[str, object]) -> ModuleType:
        module = ModuleType(name)
        vars(module).update(contents)
        IMPORTED[f"{self.key}.{name}"] = module
        return module

    def _package(self) -> ModuleType:
        package = ModuleType(self.key, f"The modules of {self.folder}.")
        package.__path__ = [str(self.folder)]
        package.__spec__ = ModuleSpec(self.key, None, is_package=True)
        return package

    def _proxy_loaded_modules(self) -> None:
        """Put stand-ins over what the process has already under names that are the archive's as well."""
        # Handlers write their classes into `__main__` to load pickles that were made in a notebook.
        module_proxies.register("__main__", self.key)
        names = list(IMPORTED)
        tops = {name.partition(".")[0] for name in names} - _shared()
        owned = {top for top in tops if not top.startswith(PREFIX) and self.owns(top)}
        for top in owned & SERVER:
            module_proxies.register(top, self.key)
        folders = {top: self._folders_with(top) for top in owned}
        for name in names:
            top = name.partition(".")[0]
            if top in owned and has_submodule(folders[top], name):
                module_proxies.register(name, self.key)

    def _folders_with(self, top: str) -> list[str]:
        return [folder for folder in self.search_path(top) if has_module(folder, top) or has_portion(folder, top)]


def _speak_plainly(error: ModuleNotFoundError, key: str) -> None:
    """Take the private prefix out of an error's texts."""
    error.name = (error.name or "").removeprefix(f"{key}.") or None
    error.msg = str(error.msg).replace(f"{key}.", "")
    error.args = (error.msg, *error.args[1:])


def is_shared(top: str) -> bool:
    """Return whether a top-level name is the process's own module to all archives, whatever these hold."""
    return top in _shared()


@cache
def _shared_namespace_packages() -> frozenset[str]:
    """Those of them that are namespace packages: folders without `__init__.py`, which may lie in many places."""
    return frozenset(name for name in _shared() if is_namespace_package(IMPORTED.get(name)))


@cache
def _shared() -> frozenset[str]:
    """The top-level names that never are an archive's; those that the server had imported at the first call.

    Of the standard library, only `test` may be an archive's.
    """
    loaded = {name for name, module in list(IMPORTED.items()) if "." not in name and _is_installed(module)}
    return _NEVER_TWICE | sys.stdlib_module_names - {"test"} | (loaded - SERVER - {"__main__"})


def _is_installed(module: ModuleType | None) -> bool:
    """Whether it is of a library, not of an application in which the server is mounted, such as its `utils.py`."""
    places = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
    files = [place for place in places if isinstance(place, str)]
    return not files or any(_LIBRARY_FOLDERS.intersection(Path(file).parts) for file in files)
