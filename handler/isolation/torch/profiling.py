"""torch's profiler, one at a time: two at work in one process end it with a segmentation fault."""

from collections.abc import Callable
from threading import Lock, get_ident
from types import ModuleType
from typing import Any

PATIENCE = 60.0
"""Seconds to wait for a profiler to be stopped; one that never is must not make others hang."""

_profiling = Lock()
_owner: int | None = None


def patch_profiler(profiler: ModuleType) -> None:
    """Have `torch.autograd.profiler`, and what is made of it, wait until nobody else profiles."""
    profile = profiler.profile
    prepare: Callable[[Any], None] = profile._prepare_trace  # noqa: SLF001
    leave: Callable[..., Any] = profile.__exit__

    def prepare_alone(self: Any) -> None:
        _take(self)
        try:
            prepare(self)
        except BaseException:
            _give(self)
            raise

    def leave_alone(self: Any, *error: Any) -> Any:
        try:
            return leave(self, *error)
        finally:
            _give(self)

    profile._prepare_trace, profile.__exit__ = prepare_alone, leave_alone  # noqa: SLF001


def _take(profile: Any) -> None:
    global _owner
    if _owner == get_ident():
        return  # torch itself says what is wrong with that
    if not _profiling.acquire(timeout=PATIENCE):
        raise RuntimeError(
            f"Another model's profiler has not been stopped for {PATIENCE:g} s, and two at once would end the server."
        )
    _owner = get_ident()
    profile._holds_lock = True  # noqa: SLF001 (whoever stops it, on whatever thread)


def _give(profile: Any) -> None:
    global _owner
    if vars(profile).pop("_holds_lock", False):
        _owner = None
        _profiling.release()
