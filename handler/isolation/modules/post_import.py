"""Hooks that run once a module has been imported, from any code."""

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

Hook = Callable[[ModuleType], None]

_hooks: dict[str, list[Hook]] = {}


def register(name: str, hook: Hook) -> None:
    """Call the hook with the module of that name, now if it is loaded, else right after its code has run.

    Waits for a thread that is still importing it. A hook is called once, however often it is registered.
    """
    hooks = _hooks.setdefault(name, [])
    if hook in hooks:
        return
    hooks.append(hook)
    if sys.modules.get(name) is not None:  # None stands there for what must not be imported
        hook(import_module(name))
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)


def watch(name: str, spec: ModuleSpec | None) -> ModuleSpec | None:
    """The same spec, whose loader calls the hooks of that plain name after it has executed the module."""
    hooks = _hooks.get(name)
    loader = spec.loader if spec is not None else None
    if hooks and loader is not None:
        execute = loader.exec_module

        def execute_and_call(module: ModuleType) -> None:
            execute(module)
            for hook in list(hooks):
                hook(module)

        setattr(loader, "exec_module", execute_and_call)  # noqa: B010 (mypy forbids the plain assignment)
    return spec


def find_spec(name: str, path: Any = None) -> ModuleSpec | None:
    """The spec of the process's own module, as all finders but the server's know it; its hooks will be called."""
    for finder in sys.meta_path:
        if not type(finder).__module__.startswith("handler.") and (spec := finder.find_spec(name, path, None)):
            return watch(name, spec)
    return None


class PostImportFinder:
    """Finds the modules that have hooks, as the other finders would."""

    def __repr__(self) -> str:
        return f"<PostImportFinder of {len(_hooks)} modules>"

    def find_spec(self, name: str, path: Any = None, target: object = None) -> ModuleSpec | None:
        """The spec of a module that has hooks; None for all others."""
        return find_spec(name, path) if name in _hooks else None


_FINDER = PostImportFinder()
