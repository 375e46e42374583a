"""The thread-local state of torch on a thread that several workers share: each finds its own."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

Settings = tuple[bool, Any, str]
"""Whether gradients are computed, the default device or None, the default dtype's name."""

_AT_FIRST: Settings = True, None, "float32"


class TorchState:
    """The settings of one worker."""

    def __init__(self) -> None:
        self._own = _AT_FIRST

    def __repr__(self) -> str:
        return f"<TorchState {self._own}>"

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Let the settings hold until the end of the block; changes are kept for the next one."""
        _set(self._own)
        try:
            yield
        finally:
            self._own = _settings()
            _set(_AT_FIRST)


def _torch() -> Any:
    torch = sys.modules.get("torch")
    return torch if hasattr(torch, "_GLOBAL_DEVICE_CONTEXT") else None  # another thread may be importing it


def _settings() -> Settings:
    torch = _torch()
    if torch is None:
        return _AT_FIRST
    context = getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)  # noqa: SLF001
    dtype = str(torch.get_default_dtype()).removeprefix("torch.")
    return torch.is_grad_enabled(), context and context.device, dtype


def _set(settings: Settings) -> None:
    torch = _torch()
    if torch is not None and settings != _settings():
        gradients, device, dtype = settings
        torch.set_grad_enabled(gradients)
        torch.set_default_device(device)
        torch.set_default_dtype(getattr(torch, dtype))
