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

# They decide over devices and thread pools that all models share, and do not work after start-up as they would before.
_FOR_ALL = re.compile(r"(CUDA|HIP|ROCR|GPU|NVIDIA|OMP|MKL|KMP|OPENBLAS)_\w+|ZE_AFFINITY_MASK")

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
        for name in sorted(after.keys() | self._before.keys()):
            before, now = self._before.get(name), after.get(name)
            if before != now and not self._undo(label, name, before, now):
                LOG.warning("%s: its load set %s from %r to %r for all models", label, name, before, now)
                self._before[name] = now

    def _undo(self, label: str, name: str, before: Any, now: Any) -> bool:
        if name == "default dtype":
            _restore_dtype(before)
        elif _FOR_ALL.fullmatch(name):
            _restore_variable(name, before)
        else:
            return False
        LOG.warning(
            "%s: its load set %s to %r, which was undone: all models share it; set it for the server", label, name, now
        )
        return True


WATCH = Watch()


def _settings() -> Settings:
    return {**os.environ, **_TORCH_AT_FIRST, **_torch_settings()}


def _torch_settings() -> Settings:
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "get_default_dtype"):
        return {}
    cudnn = torch.backends.cudnn
    dtype = str(torch.get_default_dtype()).removeprefix("torch.")
    return {"default dtype": dtype, "cudnn.benchmark": cudnn.benchmark, "cudnn.deterministic": cudnn.deterministic}


def _restore_dtype(name: str) -> None:
    torch = sys.modules["torch"]
    torch.set_default_dtype(getattr(torch, name))


def _restore_variable(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
