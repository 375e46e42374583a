"""What an archive's code sees as `sys.modules`: its own modules by their plain names, and the process's."""

import sys
from collections.abc import Iterator, MutableMapping
from types import ModuleType

from handler.isolation.calling_archive import PREFIX, Modules
from handler.isolation.modules import module_proxies


class ModulesView(MutableMapping[str, ModuleType]):
    """Gives the modules themselves, never stand-ins; what is written into it is the archive's alone.

    What other archives have imported is not there, as in a process of its own. The process's modules cannot be removed.
    """

    def __init__(self, modules: Modules) -> None:
        self._modules = modules

    def __repr__(self) -> str:
        return f"<ModulesView of {self._modules!r}>"

    def __getitem__(self, name: str) -> ModuleType:
        module = self._modules.loaded(name)
        if module is None and not self._modules.owns(name):
            module = module_proxies.outside(name)
        if module is None:
            raise KeyError(name)
        return module

    def __setitem__(self, name: str, module: ModuleType) -> None:
        module_proxies.register(name, self._modules.key)
        sys.modules[f"{self._modules.key}.{name}"] = module

    def __delitem__(self, name: str) -> None:
        if sys.modules.pop(f"{self._modules.key}.{name}", None) is None:
            self[name]  # raises KeyError where nothing is

    def __iter__(self) -> Iterator[str]:
        own = f"{self._modules.key}."
        names = {name.removeprefix(own) for name in list(sys.modules)}
        return (name for name in names if not name.startswith(PREFIX) and name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def copy(self) -> dict[str, ModuleType]:
        """A plain dictionary of it."""
        return dict(self)
