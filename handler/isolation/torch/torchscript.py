"""TorchScript's registry of types is one for the process, and goes by qualified names."""

import sys
from collections.abc import Callable
from types import ModuleType

from handler.isolation.calling_archive import calling_archive


def patch_qualified_names(jit_internal: ModuleType) -> None:
    """Give script classes, NamedTuples and enumerations of archives a name of their own.

    Functions and modules need none: TorchScript itself can have two of a name, but takes the first class for all.
    `__module__` stays as it is, for pickles.
    """
    original: Callable[..., str] = vars(jit_internal)["_qualified_name"]

    def qualified_name(thing: object, mangle_name: bool = True) -> str:
        name = original(thing, mangle_name)
        modules = calling_archive() if isinstance(thing, type) else None
        if modules is None or not modules.owns(thing.__module__):
            return name
        return name.replace("__torch__.", f"__torch__.{modules.key}.", 1)

    for name, module in list(sys.modules.items()):
        if name.startswith("torch.") and vars(module).get("_qualified_name") is original:
            vars(module)["_qualified_name"] = qualified_name
