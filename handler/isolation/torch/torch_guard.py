"""Changes of torch for the whole process by an archive that loads: logged, and undone where they would hurt others."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

LOG = logging.getLogger("marserve.loading")

_TORCH_AT_FIRST = {"default dtype": "float32", "cudnn.benchmark": False, "cudnn.deterministic": False}

Settings = dict[str, Any]


class TorchGuard:
    """Compares the process with what it was before the loads that are under way.

    Loads overlap, so that a change may be reported for the wrong one; but what must be as before is so after each.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._loads = 0
        self._before: Settings = {}

    def __repr__(self) -> str:
        return f"<TorchGuard over {self._loads} loads>"

    @contextmanager
    def loading(self, label: str) -> Iterator[None]:
        """Watch one load, of the worker with that label."""
        with self._lock:
            if not self._loads:
                self._before = _settings()
            self._loads += 1
        try:
            yield
        finally:
            with self._lock:
                self._loads -= 1
                self._compare(label)

    def _compare(self, label: str) -> None:
        after = _settings()
        changed = {name for name in after.keys() | self._before.keys() if after.get(name) != self._before.get(name)}
        undone = {name for name in changed if _undo(name, self._before.get(name))}
        if undone:
            LOG.warning("%s: its load changed %s, which was undone, since all models share it", label, _list(undone))
        if changed - undone:
            LOG.warning("%s: its load changed %s for all models", label, _list(changed - undone))
        self._before = _settings()


TORCH_GUARD = TorchGuard()


def _settings() -> Settings:
    return {**_TORCH_AT_FIRST, **_torch_settings()}


def _torch_settings() -> Settings:
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(getattr(torch, "backends", None), "cudnn"):
        return {}  # no model uses it, or another thread is still importing it
    cudnn = torch.backends.cudnn
    dtype = str(torch._C.get_default_dtype()).removeprefix("torch.")  # noqa: SLF001 (the process's, not the worker's)
    return {"default dtype": dtype, "cudnn.benchmark": cudnn.benchmark, "cudnn.deterministic": cudnn.deterministic}


def _undo(name: str, before: Any) -> bool:
    if name != "default dtype":
        return False
    torch = sys.modules["torch"]
    torch._C._set_default_dtype(getattr(torch, before))  # noqa: SLF001
    return True


def _list(names: set[str]) -> str:
    return ", ".join(sorted(names))
