"""`sys.modules` as code sees it: an archive its own modules by plain names, all others no trace of archives."""

import sys
from abc import abstractmethod
from collections.abc import ItemsView, Iterable, Iterator, KeysView, MutableMapping, ValuesView
from types import ModuleType
from typing import Any

from handler.isolation.calling_archive import PREFIX, Modules
from handler.isolation.modules import module_proxies
from handler.isolation.modules.module_proxies import IMPORTED, MISSING
from handler.isolation.once import once


class ModulesView(MutableMapping[str, ModuleType], dict[str, ModuleType]):  # type: ignore[misc,metaclass]
    """A view of the interpreter's own dictionary, which the import system goes on using.

    It is a dict, since libraries ask for one, but an empty one: all methods are those of the view. Whatever looks
    through it does so in a copy: other threads import meanwhile.
    """

    @abstractmethod
    def lookup(self, name: Any) -> ModuleType:
        """The module of that name, or MISSING; None where an import is forbidden."""

    @abstractmethod
    def names(self) -> Iterable[str]:
        """All names that may be there."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, {len(self)} modules>"

    def __getitem__(self, name: str) -> ModuleType:
        module = self.lookup(name)
        if module is MISSING:
            raise KeyError(name)
        return module

    def __contains__(self, name: object) -> bool:
        return self.lookup(name) is not MISSING

    def __iter__(self) -> Iterator[str]:
        return iter(self.copy())

    def __reversed__(self) -> Iterator[str]:
        return reversed(self.copy())

    def __len__(self) -> int:
        return len(self.copy())

    def __or__(self, other: Any) -> Any:
        return self.copy() | other

    def __ror__(self, other: Any) -> Any:
        return other | self.copy()

    def __ior__(self, other: Any) -> Any:
        self.update(other)  # type: ignore[attr-defined]
        return self

    def keys(self) -> KeysView[str]:
        """The names of this moment."""
        return self.copy().keys()

    def values(self) -> ValuesView[ModuleType]:
        """The modules of this moment."""
        return self.copy().values()

    def items(self) -> ItemsView[str, ModuleType]:
        """The names and modules of this moment."""
        return self.copy().items()

    def copy(self) -> dict[str, ModuleType]:
        """A plain dictionary of it."""
        found = ((name, self.lookup(name)) for name in self.names())
        return {name: module for name, module in found if module is not MISSING}


class ProcessModules(ModulesView):
    """The view of the server and the libraries: the module that the caller means by a name, or the process's own."""

    def lookup(self, name: Any) -> ModuleType:
        """The module of that name, or MISSING."""
        return module_proxies.lookup(name)

    def names(self) -> Iterable[str]:
        """All but the private names of archives."""
        return [name for name in list(IMPORTED) if not name.startswith(PREFIX)]

    def __setitem__(self, name: str, module: ModuleType) -> None:
        module_proxies.store(name, module)

    def __delitem__(self, name: str) -> None:
        module_proxies.delete(name)

    def clear(self) -> None:
        """Do nothing: `mock.patch.dict` clears it before it restores it, and other threads need what is there."""


class ArchiveModules(ModulesView):
    """The view of an archive's code: its writes are its own, and the process's modules cannot be removed."""

    def __init__(self, modules: Modules) -> None:
        super().__init__()
        self._modules = modules
        self._own = f"{modules.key}."

    def lookup(self, name: Any) -> ModuleType:
        """The archive's module of that name, or the process's own; MISSING if there is none."""
        module: ModuleType = IMPORTED.get(f"{self._own}{name}", MISSING)
        if module is MISSING and not self._modules.owns(name):
            module = module_proxies.process_module(name) or MISSING
        return module

    def names(self) -> Iterable[str]:
        """All but those that only other archives use."""
        names = dict.fromkeys(name.removeprefix(self._own) for name in list(IMPORTED))
        return [name for name in names if not name.startswith(PREFIX)]

    def __setitem__(self, name: str, module: ModuleType) -> None:
        if (
            module is not None
            and module_proxies.process_module(name) is module
            and f"{self._own}{name}" not in IMPORTED
        ):
            return  # restored after a copy, as by `mock.patch.dict`: it remains the process's own
        module_proxies.register(name, self._modules.key)
        IMPORTED[f"{self._own}{name}"] = module

    def __delitem__(self, name: str) -> None:
        if IMPORTED.pop(f"{self._own}{name}", MISSING) is MISSING:
            self[name]  # raises KeyError where nothing is

    def clear(self) -> None:
        """Remove the archive's own modules."""
        for name in [name for name in list(IMPORTED) if name.startswith(self._own)]:
            IMPORTED.pop(name, None)


@once
def install() -> None:
    """Show the process's view to all that reads `sys.modules` from now on."""
    sys.modules = ProcessModules()  # type: ignore[assignment]
