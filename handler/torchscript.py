"""TorchScript's registry of types is one for the process."""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from handler.asking import asking
from handler.once import once


def keep_tuples_apart() -> None:
    """Let each archive have its own NamedTuple of a name; it tells modules, functions and classes apart by itself."""
    if "torch._jit_internal" in sys.modules:
        _replace_qualified_name()


@once
def _replace_qualified_name() -> None:
    internal: Any = import_module("torch._jit_internal")
    original: Callable[..., str] = internal._qualified_name  # noqa: SLF001

    def qualified_name(thing: object, mangle_name: bool = True) -> str:
        name = original(thing, mangle_name)
        modules = asking() if isinstance(thing, type) and issubclass(thing, tuple) else None
        return name.replace("__torch__.", f"__torch__.{modules.key}.", 1) if modules else name

    internal._qualified_name = qualified_name  # noqa: SLF001
