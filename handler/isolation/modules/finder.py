"""Finds the modules of archives in their own folders, and has them run under their plain names."""

# Paths are strings here, as in the import system: each import statement of a handler comes by.
# ruff: noqa: PTH112, PTH113, PTH118

import os
import pkgutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    NamespaceLoader,
    PathFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from importlib.metadata import Distribution, DistributionFinder, MetadataPathFinder
from types import ModuleType
from typing import Any

from handler.isolation.calling_archive import PREFIX, SERVER, Modules, calling_archive, calling_library
from handler.isolation.modules import module_proxies, post_import
from handler.isolation.process.need import PROCESS_NEED

_SUFFIXES = (*SOURCE_SUFFIXES, *BYTECODE_SUFFIXES, *EXTENSION_SUFFIXES)


class Finder:
    """The process's one entry in `sys.meta_path` for all archives."""

    def __init__(self) -> None:
        self._open: dict[str, Modules] = {}

    def __repr__(self) -> str:
        return f"<Finder of {len(self._open)} namespaces>"

    def add(self, modules: Modules) -> None:
        """Search that namespace from now on."""
        self._open[modules.key] = modules

    def remove(self, modules: Modules) -> None:
        """Search it no more."""
        self._open.pop(modules.key, None)

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        """Find a private name for the import system, or a plain one for `importlib.util.find_spec`."""
        if not name.startswith(PREFIX):
            modules = calling_archive()
            if modules is None or not modules.owns(name) or is_hidden(name):
                return None
            spec = self._open[modules.key].find(name)
            return PlainSpec(spec, name) if spec else None
        key, _, plain = name.partition(".")
        spec = self._open[key].find(plain, path) if key in self._open else None
        if spec is not None:
            module_proxies.register(plain, key)
        return post_import.watch(plain, spec)

    def iter_modules(self, prefix: str = "") -> Iterator[tuple[str, bool]]:
        """The top-level modules of the calling archive, each with whether it is a package, for `pkgutil`."""
        modules = calling_archive()
        for found in pkgutil.iter_modules(modules.roots if modules else [], prefix):
            yield found.name, found.ispkg

    def find_distributions(self, context: DistributionFinder.Context) -> Iterable[Distribution]:
        """The metadata of an archive's own packages, for `importlib.metadata`, where it is asked for no other path."""
        modules = None if "path" in vars(context) else calling_archive()
        if modules is None:
            return []
        own = DistributionFinder.Context(name=context.name, path=modules.roots)
        found = list(MetadataPathFinder.find_distributions(own))
        if found and context.name is not None and _is_foreign(context.name) and _decides_by(context.name):
            return []
        return found


FINDER = Finder()


def is_hidden(name: str) -> bool:
    """Return whether a module of the calling archive is not to be seen by the library that asks for it.

    Libraries keep for all archives whether others are there, so that an archive that brings one along which the process
    lacks needs a process of its own. Has the worker move, if it can.
    """
    top = name.partition(".")[0]
    return top not in SERVER and not module_proxies.installed(top) and _decides_by(top)


def _decides_by(name: str) -> bool:
    library, need = calling_library(), PROCESS_NEED.get()
    if not library or need is None or not need.can_move:
        return False
    need.require(f"brings {name} along, by whose presence the library {library} decides for all models")
    return True


def _is_foreign(distribution: str) -> bool:
    """Return whether the process itself has no such distribution."""
    context = DistributionFinder.Context(name=distribution, path=sys.path)
    return not any(True for _ in MetadataPathFinder.find_distributions(context))


class PlainSpec(ModuleSpec):
    """A spec as code sees it: that of the import system, with the module's plain name."""

    def __init__(self, spec: ModuleSpec, name: str) -> None:
        super().__init__(name, spec.loader, origin=spec.origin, loader_state=spec.loader_state)
        self.submodule_search_locations = spec.submodule_search_locations
        self.has_location, self.cached = spec.has_location, spec.cached
        self._private = spec

    @property
    def _initializing(self) -> bool:
        """Whether its code has not run yet to its end: other threads wait for that, whichever spec they know."""
        return bool(getattr(self._private, "_initializing", False))

    @_initializing.setter
    def _initializing(self, value: bool) -> None:
        """Ignored: the import system sets it on its own spec."""


def show_plainly(module: ModuleType, name: str) -> None:
    """Give a module of an archive, which is about to be executed, its plain name in all attributes that have it."""
    module.__name__ = name
    module.__package__ = name if hasattr(module, "__path__") else name.rpartition(".")[0]
    if module.__spec__ is not None and module.__spec__.name != name:
        module.__spec__ = PlainSpec(module.__spec__, name)


class _ArchiveLoader:
    """The shared part of both loaders: the import system knows a module by its private name, all others by `name`."""

    name: str
    path: str

    def __init__(self, modules: Modules, name: str, path: str) -> None:
        super().__init__(name.removeprefix(modules.key + "."), path)  # type: ignore[call-arg]
        self._modules = modules

    def exec_module(self, module: ModuleType) -> None:
        self._modules.run(module, self.name, self.get_code(self.name))  # type: ignore[attr-defined]

    def get_filename(self, name: str | None = None) -> str:
        return self.path

    def get_resource_reader(self, name: str | None = None) -> Any:
        return super().get_resource_reader(self.name)  # type: ignore[misc]


class SourceLoader(_ArchiveLoader, SourceFileLoader):  # type: ignore[misc]
    """Loads a .py file of an archive."""


class BytecodeLoader(_ArchiveLoader, SourcelessFileLoader):
    """Loads a .pyc file of an archive that has no source."""


class PortionLoader(NamespaceLoader):
    """Loads a folder without `__init__.py` as a package."""

    def __init__(self, modules: Modules, name: str, folders: list[str]) -> None:
        super().__init__(name, folders, lambda *_: None)
        self.folders = folders
        self._plain = name.removeprefix(modules.key + ".")

    def exec_module(self, module: ModuleType) -> None:
        show_plainly(module, self._plain)
        elsewhere = module_proxies.process_module(self._plain)
        if elsewhere is not None and is_namespace_package(elsewhere):  # the process has other parts of it
            self.folders += [folder for folder in elsewhere.__path__ if folder not in self.folders]
            vars(module)["__getattr__"] = partial(getattr, elsewhere)


def is_namespace_package(module: ModuleType | None) -> bool:
    """Return whether a module is a namespace package: folders without `__init__.py`."""
    return isinstance(getattr(getattr(module, "__spec__", None), "loader", None), NamespaceLoader)


def find_in(modules: Modules, name: str, folders: Iterable[str]) -> ModuleSpec | None:
    """Find the module with the private name `name` in folders, or zip files, as `PathFinder` would.

    It does without the caches of that, since archives write modules while they are imported.
    """
    portions: list[str] = []
    for folder in folders:
        spec = _find_in_folder(modules, name, folder) if os.path.isdir(folder) else PathFinder.find_spec(name, [folder])
        if spec is not None and spec.loader is not None:
            return spec
        portions += spec.submodule_search_locations or [] if spec is not None else []
    return _portions_spec(modules, name, portions) if portions else None


def has_module(folder: str, name: str) -> bool:
    """Return whether a folder, or a zip file, has a module or a regular package of that top-level name."""
    place = os.path.join(folder, name)
    if _is_file(place) or (os.path.isdir(place) and _is_file(os.path.join(place, "__init__"))):
        return True
    return os.path.isfile(folder) and PathFinder.find_spec(name, [folder]) is not None


def has_submodule(folders: Iterable[str], name: str) -> bool:
    """Return whether one of the folders has the module of that dotted name."""
    *parents, leaf = name.split(".")
    return any(has_module(os.path.join(folder, *parents), leaf) for folder in folders)


def has_portion(folder: str, name: str) -> bool:
    """Return whether a folder has a folder of that name, which makes a package if nothing better is found."""
    return name.isidentifier() and os.path.isdir(os.path.join(folder, name))


def has_part(folders: Iterable[str], name: str) -> bool:
    """Return whether one of the folders has a portion of a namespace package, with the part that `name` leads to."""
    top, *parts = name.split(".")
    portions = [os.path.join(folder, top) for folder in folders if has_portion(folder, top)]
    return any(not parts or has_module(portion, parts[0]) or has_portion(portion, parts[0]) for portion in portions)


def _is_file(stem: str) -> bool:
    return any(os.path.isfile(stem + suffix) for suffix in _SUFFIXES)


def _find_in_folder(modules: Modules, name: str, folder: str) -> ModuleSpec | None:
    loaders = (
        (ExtensionFileLoader, EXTENSION_SUFFIXES),
        (partial(SourceLoader, modules), SOURCE_SUFFIXES),
        (partial(BytecodeLoader, modules), BYTECODE_SUFFIXES),
    )
    return FileFinder(folder, *loaders).find_spec(name)  # type: ignore[arg-type]


def _portions_spec(modules: Modules, name: str, portions: list[str]) -> ModuleSpec:
    loader = PortionLoader(modules, name, portions)
    spec = ModuleSpec(name, loader, is_package=True)
    spec.submodule_search_locations = loader.folders
    return spec


def forget_files(folders: Iterable[str], caches: Iterable[dict[str, Any]]) -> None:
    """Drop what lies in any of the folders from caches whose keys are paths."""
    beginnings = tuple(folder.rstrip(os.sep) + os.sep for folder in folders)
    for cache in caches:
        for path in [path for path in list(cache) if f"{path}{os.sep}".startswith(beginnings)]:
            cache.pop(path, None)


def install() -> None:
    """Let the import system ask the finder first."""
    if FINDER not in sys.meta_path:
        sys.meta_path.insert(0, FINDER)
