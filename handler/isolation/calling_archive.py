"""The owner of the calling code: an archive, the server, or a library that works for one of them."""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, FrameType, ModuleType, TracebackType
from typing import Protocol

from handler.isolation.thread_inheritance import InheritedValue

MARK = "__archive__"
"""The key under which an archive's builtins name its modules, by which any frame of its code is known."""

PREFIX = "_mar_"
"""The prefix of private names in `sys.modules`: `_mar_7.model` is the module `model` of the seventh namespace."""

SERVER = frozenset({"app", "handler", "model_registry"})
"""The top-level names of the server's own packages."""

_PATCHES = (
    "calling_archive", "modules.finder", "modules.import_lock", "modules.imports", "modules.module_proxies",
    "modules.modules_view", "modules.namespace", "process.exit_callbacks", "process.guards", "process.loggers",
    "process.need", "process.state_guard", "torch.hub", "torch.torchscript",
)  # fmt: skip
_MACHINERY = {"importlib", "importlib._bootstrap", "importlib._bootstrap_external", "importlib.util", "collections.abc"}
"""The names of modules that ask on behalf of their caller."""
_MACHINERY |= {f"handler.isolation.{name}" for name in _PATCHES}

SERVER_FOLDER = str(Path(__file__).parents[2])
"""The folder in which they lie."""


class Modules(Protocol):
    """The modules of one worker's archive, by the plain names that its code uses."""

    key: str
    """The name of the package under which `sys.modules` has them: "_mar_7"."""
    closed: bool
    builtins: ModuleType

    @property
    def path(self) -> list[str]:
        """The archive's `sys.path`."""

    @property
    def roots(self) -> list[str]:
        """The folders on it that are the archive's own, absolute."""

    def owns(self, name: str) -> bool:
        """Return whether a plain dotted name is the archive's."""

    def load(self, name: str) -> ModuleType:
        """Import the archive's module of that name."""

    def loaded(self, name: str) -> ModuleType | None:
        """The archive's module of that name, if it is imported already."""

    def find(self, name: str, path: Sequence[str] | None = None) -> ModuleSpec | None:
        """The spec of the archive's module of that name; its `name` begins with `key`."""

    def run(self, module: ModuleType, name: str, code: CodeType | None) -> None:
        """Execute code as that of a module with that name."""


MODULES: InheritedValue[Modules] = InheritedValue()


def calling_archive() -> Modules | None:
    """The modules that the calling code means by plain names; None: the process's own.

    The nearest frame decides if it is an archive's or the server's. A library (pickle, torch) asks for the archive that
    called it, or, without a caller (an executor's thread), for the archive to which the thread belongs.
    """
    frame = skip_machinery(sys._getframe(1))  # noqa: SLF001
    if frame is not None and _is_server(frame):
        return None
    return _on_stack(frame) or _unless_closed(MODULES.get())


def directly_calling_archive() -> Modules | None:
    """The modules of the archive whose own code calls, not through a library."""
    frame = skip_machinery(sys._getframe(1))  # noqa: SLF001
    return _unless_closed(frame.f_builtins.get(MARK)) if frame is not None else None


def calling_library() -> str:
    """The top-level name of the shared library that calls, maybe through the standard library; "" if none does."""
    frame = skip_machinery(sys._getframe(1))  # noqa: SLF001
    while frame is not None and not _is_archive(frame):
        top = str(frame.f_globals.get("__name__")).partition(".")[0]
        if top not in sys.stdlib_module_names:
            return top if _is_installed(frame) and not _is_server(frame) else ""
        frame = frame.f_back
    return ""


def is_importing_library() -> bool:
    """Return whether the calling code belongs to the import of a shared library, by whatever archive."""
    frame = skip_machinery(sys._getframe(1))  # noqa: SLF001
    while frame is not None and not _is_archive(frame):
        if frame.f_globals.get("__name__") == "importlib._bootstrap":
            return True
        frame = frame.f_back
    return False


def without_machinery(traceback: TracebackType | None) -> TracebackType | None:
    """A traceback from its first frame on that is not the import system's: what readers of a model's log look for."""
    while traceback is not None and _is_machinery(traceback.tb_frame):
        traceback = traceback.tb_next
    return traceback


def skip_machinery(frame: FrameType | None) -> FrameType | None:
    """The nearest frame that does not ask on behalf of its caller."""
    while frame is not None and _is_machinery(frame):
        frame = frame.f_back
    return frame


def _on_stack(frame: FrameType | None) -> Modules | None:
    while frame is not None:
        if modules := frame.f_builtins.get(MARK):
            return _unless_closed(modules)
        frame = frame.f_back
    return None


def _is_archive(frame: FrameType) -> bool:
    return MARK in frame.f_builtins


def _is_installed(frame: FrameType) -> bool:
    """Whether it is a library's code, not an archive's with plain builtins: executed text, or a loaded file."""
    file, modules = frame.f_code.co_filename, MODULES.get()
    roots = modules.roots if modules is not None else ()
    return file.startswith("/") and not any(file.startswith(f"{root}/") for root in roots)


def _is_machinery(frame: FrameType) -> bool:
    return frame.f_globals.get("__name__") in _MACHINERY and not _is_archive(frame)


def _is_server(frame: FrameType) -> bool:
    """Archives call modules `handler`, too, and cloudpickle makes functions of theirs anew, with plain builtins."""
    if str(frame.f_globals.get("__name__")).partition(".")[0] not in SERVER or _is_archive(frame):
        return False
    return frame.f_code.co_filename.startswith(SERVER_FOLDER)


def _unless_closed(modules: Modules | None) -> Modules | None:
    return None if modules is None or modules.closed else modules
