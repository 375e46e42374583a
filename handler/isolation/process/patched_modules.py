"""Functions and classes of standard modules that an archive replaces, in ways that no guarded call shows.

They are compared with what was there before: after each load, after a worker's first batch, and once a second. What was
there is put back, and the worker whose archive did it moves to a process, where it replaces them for itself alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from itertools import chain
from operator import itemgetter
from threading import Lock
from time import perf_counter
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from handler.isolation.calling_archive import MARK, SERVER_FOLDER, Modules
from handler.isolation.process.need import ProcessNeed

WATCHED = (
    "asyncio", "asyncio.base_events", "asyncio.events", "asyncio.futures", "asyncio.locks", "asyncio.queues",
    "asyncio.runners", "asyncio.tasks", "base64", "concurrent.futures", "concurrent.futures.thread", "copy", "csv",
    "datetime", "glob", "gzip", "hashlib", "http.client", "json", "json.decoder", "json.encoder", "logging", "os",
    "pathlib", "pickle", "posixpath", "queue", "random", "re", "selectors", "shutil", "signal", "socket", "ssl",
    "subprocess", "tempfile", "threading", "time", "urllib.parse", "urllib.request", "uuid", "zipfile",
)  # fmt: skip
"""Those of the standard library that handlers and the server share most; each is watched once it is imported."""

PRIVATE_SETTINGS = frozenset({"_create_default_https_context"})
"""Names with an underscore that are replaced as if they were public; all others are the modules' own business."""
HOOKS = frozenset({"excepthook"})
"""Names that are meant to be replaced, as the tools around a server do."""

CHECK_INTERVAL_SECONDS = 1.0
_HEAP_TYPE, _IMMUTABLE_TYPE = 1 << 9, 1 << 8
MISSING: Any = object()
_ALWAYS_THERE = "__doc__", "__doc__"  # of any module or class: a tuple is read even where it has no functions


@dataclass(frozen=True, slots=True)
class Replacement:
    """A function or class that is no longer what it was."""

    owner: Any
    """The module, or the class in it."""
    name: str
    original: Any
    value: Any
    """MISSING if it was deleted."""

    @property
    def reason(self) -> str:
        """The reason for a process, as the other reasons are worded."""
        return f"replaces {self._full_name}, which all models share"

    @property
    def archive(self) -> Modules | None:
        """The archive whose code defines the new value, as far as that shows."""
        builtins: Any = getattr(_function_in(self.value), "__builtins__", None)
        return builtins.get(MARK) if isinstance(builtins, dict) else None

    @property
    def is_by_server(self) -> bool:
        """Whether the server's own code defines the new value: some of its patches are applied when they are needed."""
        code = getattr(_function_in(self.value), "__code__", None)
        return self.archive is None and str(getattr(code, "co_filename", "")).startswith(f"{SERVER_FOLDER}/handler/")

    @property
    def is_setting(self) -> bool:
        """Whether the server itself works as before."""
        return self.name in PRIVATE_SETTINGS

    def undo(self) -> None:
        """Put back what was there."""
        setattr(self.owner, self.name, self.original)

    @property
    def _full_name(self) -> str:
        module = getattr(self.owner, "__module__", "")
        return ".".join(filter(None, (module, self.owner.__name__, self.name)))


class Originals:
    """The functions of a module or class as they were, compared with those that are there at once."""

    def __init__(self, owner: Any) -> None:
        self._owner = owner
        self._values = _callables_of(owner)
        self._expected = tuple(self._values.values())
        self._read = itemgetter(*self._values, *_ALWAYS_THERE)

    def __repr__(self) -> str:
        return f"<Originals of {self._owner.__name__}, {len(self._values)}>"

    def replacements(self) -> list[Replacement]:
        """Those that are others now, or gone."""
        now = vars(self._owner)
        try:
            if self._read(now)[:-2] == self._expected:
                return []
        except KeyError:
            pass
        pairs = [(name, value, now.get(name, MISSING)) for name, value in self._values.items()]
        found = [Replacement(self._owner, name, value, other) for name, value, other in pairs if other is not value]
        for each in found:
            if each.is_by_server:
                self.accept(each)
        return [each for each in found if not each.is_by_server]

    def accept(self, replacement: Replacement) -> None:
        """Expect the new value from now on."""
        if replacement.owner is self._owner:
            self._values[replacement.name] = replacement.value
            self._expected = tuple(self._values.values())


class PatchWatch:
    """Knows the modules as they were, and the workers on threads."""

    def __init__(self) -> None:
        self.due_at = 0.0
        """The time of `time.perf_counter` at which the next check is due, whatever worker makes it."""
        self._lock = Lock()
        self._originals: list[Originals] = []
        self._needs: WeakKeyDictionary[Modules, ProcessNeed] = WeakKeyDictionary()
        self._loading: list[ProcessNeed] = []

    def __repr__(self) -> str:
        return f"<PatchWatch over {len(self._originals)} modules and classes, {len(self._loading)} loads>"

    def take(self, module: ModuleType) -> None:
        """Watch a module and the classes that it defines, as they are now."""
        with self._lock:
            self._originals += map(Originals, (module, *_classes_of(module)))

    @contextmanager
    def loading(self, archive: Modules, need: ProcessNeed) -> Iterator[None]:
        """Watch one load: whatever it replaces is put back at its end."""
        with self._lock:
            self._needs[archive] = need
            self._loading.append(need)
        try:
            yield
        finally:
            self.check(need)
            with self._lock:
                self._loading.remove(need)

    def check(self, need: ProcessNeed) -> None:
        """Put back what was replaced, and note it as the reason of the worker whose archive did that.

        Where the new value does not show that, it may be any of the workers that load, or the calling one. A worker
        that is to stay on its thread keeps what the server can bear.
        """
        with self._lock:
            self.due_at = perf_counter() + CHECK_INTERVAL_SECONDS
            for replacement in chain.from_iterable(each.replacements() for each in self._originals):
                culprits = self._culprits(replacement, need)
                for culprit in culprits:
                    culprit.record(replacement.reason)
                if replacement.is_setting and not any(culprit.can_move for culprit in culprits):
                    self._accept(replacement)
                else:
                    replacement.undo()

    def _culprits(self, replacement: Replacement, caller: ProcessNeed) -> list[ProcessNeed]:
        archive = replacement.archive
        known = self._needs.get(archive) if archive is not None else None
        return [known] if known is not None else list({id(need): need for need in (caller, *self._loading)}.values())

    def _accept(self, replacement: Replacement) -> None:
        for originals in self._originals:
            originals.accept(replacement)


PATCH_WATCH = PatchWatch()


def _classes_of(module: ModuleType) -> list[type]:
    """The classes that a module defines, but for those of C, exceptions and enumerations."""
    classes = [value for value in vars(module).values() if isinstance(value, type)]
    return [
        each
        for each in classes
        if each.__module__ == module.__name__
        and each.__flags__ & _HEAP_TYPE
        and not each.__flags__ & _IMMUTABLE_TYPE
        and not issubclass(each, BaseException | Enum)
    ]


def _callables_of(owner: Any) -> dict[str, Any]:
    is_class = isinstance(owner, type)
    return {
        name: value
        for name, value in vars(owner).items()
        if name in PRIVATE_SETTINGS
        or ((is_class or not name.startswith("_")) and name not in HOOKS and _is_function(value))
    }


def _function_in(value: Any) -> Any:
    """The function that a method, a static method or a partial calls."""
    while (inner := getattr(value, "__func__", None) or getattr(value, "func", None)) is not None:
        value = inner
    return value


def _is_function(value: Any) -> bool:
    return callable(value) or isinstance(value, (staticmethod, classmethod, property))
