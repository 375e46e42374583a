"""torch's profiler, one at a time: two at work in one process end it with a segmentation fault."""

from collections.abc import Callable
from threading import Lock, get_ident
from types import ModuleType
from typing import Any

LOCK_TIMEOUT_SECONDS = 60.0
"""A profiler that is never stopped must not make others hang."""

_profiling = Lock()
_owner: int | None = None


def patch_profiler(profiler: ModuleType) -> None:
    """Have `torch.autograd.profiler`, and what is made of it, wait until no other thread profiles."""
    profile = profiler.profile
    prepare: Callable[[Any], None] = profile._prepare_trace  # noqa: SLF001
    exit_profile: Callable[..., Any] = profile.__exit__

    def prepare_locked(self: Any) -> None:
        _acquire(self)
        try:
            prepare(self)
        except BaseException:
            _release(self)
            raise

    def exit_and_release(self: Any, *error: Any) -> Any:
        try:
            return exit_profile(self, *error)
        finally:
            _release(self)

    profile._prepare_trace, profile.__exit__ = prepare_locked, exit_and_release  # noqa: SLF001


def _acquire(profile: Any) -> None:
    global _owner
    if _owner == get_ident():
        return  # torch itself raises
    if not _profiling.acquire(timeout=LOCK_TIMEOUT_SECONDS):
        raise RuntimeError(
            f"Another model's profiler has not been stopped for {LOCK_TIMEOUT_SECONDS:g} s, "
            "and two at once would end the server."
        )
    _owner = get_ident()
    profile._holds_lock = True  # noqa: SLF001 (read by _release, on the thread that stops it)


def _release(profile: Any) -> None:
    global _owner
    if vars(profile).pop("_holds_lock", False):
        _owner = None
        _profiling.release()
