"""Imports a handler: from the string in a manifest to the two functions that a worker calls."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from handler.workers.load_remedies import NO_MANIFEST

if TYPE_CHECKING:
    from ts.context import Context

_BUILT_IN = "ts.torch_handler"
_BUILT_IN_NAMES = ("base_handler", "image_classifier", "image_segmenter", "object_detector", "text_classifier")


class ArchiveModules(Protocol):
    """The modules of an archive, by their plain names."""

    folder: Path

    def holds(self, top: str) -> bool:
        """Return whether the archive has a module of that top-level name."""

    def forbids(self, top: str) -> bool:
        """Return whether that module could only do harm."""

    def load(self, name: str) -> ModuleType:
        """Import the module of that name; raises what its code raises."""


@dataclass(frozen=True)
class EntryPoint:
    """The functions of a handler: one called once before all, and one called for each batch of rows."""

    initialize: Callable[["Context"], object]
    handle: Callable[[list[Any], "Context"], object]
    owner: object | None
    """The instance, of a handler that is a class."""


def load_entry_point(namespace: ArchiveModules, handler: str, envelope: str | None = None) -> EntryPoint:
    """Import a handler: "handler.py", "handler", "handler:function", "handler.py:function", or a built-in one's name.

    As TorchServe does: a function of the module, `handle` if none is named, is called once with (None, context) in
    place of `initialize`; a module without it must define exactly one class. `envelope` wraps `handle` only.
    Raises what the archive's code raises, ModuleNotFoundError, ImportError, ValueError or AttributeError.
    """
    path, _, function = handler.partition(":")
    module = _handler_module(namespace, path.removesuffix(".py").rpartition("/")[2])
    handle = getattr(module, function or "handle", None)
    entry_point = EntryPoint(partial(handle, None), handle, None) if handle is not None else _class_entry(module)
    if envelope:
        wrapper = import_module(f"{_BUILT_IN}.request_envelope.{envelope}")
        wrapped = _method(wrapper, _classes_of(wrapper)[0](entry_point.handle), "handle")
        return replace(entry_point, handle=wrapped)
    return entry_point


def _handler_module(namespace: ArchiveModules, name: str) -> ModuleType:
    """The archive's file precedes a built-in handler; an ImportError that it raises is no reason to look further."""
    top = name.partition(".")[0]
    if namespace.holds(top):
        if namespace.forbids(top):
            raise ImportError(f"{namespace.folder}/{name}.py hides a module that Python or the server needs; rename it")
        return namespace.load(name)
    if not name:
        raise ValueError(_no_handler(namespace.folder))
    if not name.isidentifier() or not find_spec(f"{_BUILT_IN}.{name}"):
        raise ModuleNotFoundError(
            f"{namespace.folder} has no {name}.py, and no built-in handler is called {name!r}{_similar(name)}; archive "
            "the file, or correct the handler named at registration or in MAR-INF/MANIFEST.json",
            name=name,
        )
    return import_module(f"{_BUILT_IN}.{name}")


def _no_handler(folder: Path) -> str:
    if (folder / "MAR-INF" / "MANIFEST.json").exists():
        return "no handler is named: name one in MAR-INF/MANIFEST.json, or at registration with handler="
    folders = [entry.name for entry in folder.iterdir() if entry.is_dir()]
    if len(folders) == 1 and any((folder / folders[0] / name).exists() for name in ("MAR-INF", "handler.py")):
        return f"no handler is named: the archive holds the folder {folders[0]}/; make it of what is in that folder"
    return f"no handler is named: {NO_MANIFEST}"


def _similar(name: str) -> str:
    near = get_close_matches(name, _BUILT_IN_NAMES, n=1)
    return f" ({near[0]} is one)" if near else ""


def _class_entry(module: ModuleType) -> EntryPoint:
    classes = _classes_of(module)
    if len(classes) != 1:
        found = ", ".join(found.__name__ for found in classes) or "none"
        raise ValueError(
            f"{module.__file__} must define a function handle(data, context), or exactly one class; it defines: "
            f"{found}; move what is not the handler to a module beside it"
        )
    owner = classes[0]()
    # Fetched before `initialize`, as TorchServe does: `__init__` may set it, but what changes it later does not count.
    handle = _method(module, owner, "handle")
    return EntryPoint(_method(module, owner, "initialize"), handle, owner)


def _classes_of(module: ModuleType) -> list[type]:
    defined = inspect.getmembers(
        module, lambda member: inspect.isclass(member) and member.__module__ == module.__name__
    )
    return list(dict.fromkeys(member for _, member in defined))


def _method(module: ModuleType, owner: object, name: str) -> Callable[..., object]:
    method: Callable[..., object] | None = getattr(owner, name, None)
    if method is None:
        signature = "handle(self, data, context)" if name == "handle" else "initialize(self, context)"
        raise AttributeError(
            f"{module.__file__}: class {type(owner).__name__} has no {name}; add {signature}", name=name, obj=owner
        )
    return method
