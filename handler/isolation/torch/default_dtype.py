"""A default dtype for each worker's thread, where torch has one for the process.

Not only handlers set it: transformers does while it builds a model whose weights are of half precision, and no other
model may see that. Imported after torch.
"""

import threading
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode, _len_torch_function_stack, _pop_mode, _push_mode
from torch.utils._device import DeviceContext

from handler.isolation.calling_archive import MODULES
from handler.isolation.once import once

_ALWAYS = frozenset(
    getattr(torch, name)
    for name in (
        "empty", "empty_permuted", "empty_strided", "eye", "linspace", "logspace", "ones", "rand", "randn", "zeros",
        "bartlett_window", "blackman_window", "hamming_window", "hann_window", "kaiser_window",
    )
    if hasattr(torch, name)
)  # fmt: skip
"""The functions that make tensors of the default dtype unless another is given."""
_BY_VALUE = frozenset(
    getattr(torch, name)
    for name in ("arange", "as_tensor", "asarray", "full", "range", "scalar_tensor", "tensor")
)  # fmt: skip
"""The functions that do so for Python fractions."""

_set: Callable[[Any], None] = torch.set_default_dtype
_get: Callable[[], Any] = torch.get_default_dtype


class OwnDtype(TorchFunctionMode):  # type: ignore[misc]
    """Has the functions that make tensors use a dtype, on the thread where it is in force.

    Arithmetic still follows the process: whole numbers divided are of its default dtype.
    """

    def __init__(self, dtype: Any) -> None:
        super().__init__()
        self.dtype = dtype

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if kwargs.get("dtype") is not None or kwargs.get("out") is not None:
            return func(*args, **kwargs)
        if func in _ALWAYS:
            return func(*args, **{**kwargs, "dtype": self.dtype})
        result = func(*args, **kwargs)
        if func in _BY_VALUE and result.dtype is _get() and not _have_dtype((*args, *kwargs.values())):
            return func(*args, **{**kwargs, "dtype": self.dtype})
        return result


class _Local(threading.local):
    mode: OwnDtype | None = None


_local = _Local()


@once
def _replace() -> None:
    setattr(torch, "set_default_dtype", set_default_dtype)  # noqa: B010 (mypy forbids the plain assignments)
    setattr(torch, "get_default_dtype", get_default_dtype)  # noqa: B010


def install(module: ModuleType) -> None:
    """Let torch set and tell the calling thread's own default dtype."""
    assert module is torch
    _replace()


def set_default_dtype(d: Any, /) -> None:
    """Do what `torch.set_default_dtype` does, for this thread only if it is a worker's."""
    if MODULES.get() is None:
        _set(d)
        return
    if d is get_default_dtype():
        return  # torch's compiler sets what it has read, and minds the modes
    _take_away(_local.mode)
    _local.mode = None
    if d is not _get():
        _local.mode = OwnDtype(_checked(d))
        _put_in_force(_local.mode)


def get_default_dtype() -> Any:
    """Do what `torch.get_default_dtype` does."""
    return _local.mode.dtype if _local.mode else _get()


get_default_dtype._dynamo_marked_constant = True  # type: ignore[attr-defined]  # noqa: SLF001
"""torch's compiler calls it while it compiles: it needs no looking into, and its answer is guarded with the modes."""


def _checked(dtype: Any) -> Any:
    """The dtype, of which torch must have made tensors at least once; raises what `torch.set_default_dtype` would."""
    if not isinstance(dtype, torch.dtype):
        raise TypeError(
            f"invalid dtype object: only floating-point types are supported as the default type, not {dtype}"
        )
    if not dtype.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    return dtype


def _have_dtype(values: Iterable[Any]) -> bool:
    return any(hasattr(value, "dtype") for value in values)


def _put_in_force(mode: OwnDtype) -> None:
    """Beneath all `with` blocks that are open, since each takes the uppermost mode away; above the default device."""
    others = _take_all()
    beneath = [each for each in others if isinstance(each, DeviceContext)]
    for each in (*beneath, mode, *(each for each in others if each not in beneath)):
        _push_mode(each)


def _take_away(mode: OwnDtype | None) -> None:
    if mode is not None:
        for each in _take_all():
            if each is not mode:
                _push_mode(each)


def _take_all() -> list[Any]:
    """The thread's modes, the lowest first."""
    return [_pop_mode() for _ in range(_len_torch_function_stack())][::-1]
