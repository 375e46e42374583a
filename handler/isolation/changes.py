"""What loading an archive changes for the whole process: noticed, told, and undone where it would hurt the others."""

import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

LOG = logging.getLogger("marserve.loading")

# They decide over devices and thread pools, which all models share.
_FOR_ALL = re.compile(r"\w+_VISIBLE_DEVICES|CUDA_DEVICE_ORDER|ZE_AFFINITY_MASK|OMP_\w+|(MKL|OPENBLAS)_NUM_THREADS")

_TORCH_AT_FIRST = {"default dtype": "float32", "cudnn.benchmark": False, "cudnn.deterministic": False}

Settings = dict[str, Any]


class Watch:
    """Compares the process with what it was before the loads that are under way.

    Loads overlap, so that a change can be told of the wrong one of them; but what must be as before is so after each.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._loads = 0
        self._before: Settings = {}

    def __repr__(self) -> str:
        return f"<Watch over {self._loads} loads>"

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


WATCH = Watch()


def _settings() -> Settings:
    return {**os.environ, **_TORCH_AT_FIRST, **_torch_settings()}


def _torch_settings() -> Settings:
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(getattr(torch, "backends", None), "cudnn"):
        return {}  # no model uses it, or another thread is still importing it
    cudnn = torch.backends.cudnn
    dtype = str(torch.get_default_dtype()).removeprefix("torch.")
    return {"default dtype": dtype, "cudnn.benchmark": cudnn.benchmark, "cudnn.deterministic": cudnn.deterministic}


def _undo(name: str, before: Any) -> bool:
    if name == "default dtype":
        torch = sys.modules["torch"]
        torch.set_default_dtype(getattr(torch, before))
        return True
    if not _FOR_ALL.fullmatch(name):
        return False
    if before is None:
        del os.environ[name]
    else:
        os.environ[name] = before
    return True


def _list(names: set[str]) -> str:
    return ", ".join(sorted(names))  # no values: an environment holds secrets
