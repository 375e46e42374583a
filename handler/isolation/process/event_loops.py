"""An event loop for each worker's own thread, since handlers take it for a process's main thread.

There, `asyncio.get_event_loop` makes a loop where none is; on other threads it raises. Since Python 3.14 it does so
everywhere.
"""

import threading
from collections.abc import Callable
from threading import get_ident
from types import ModuleType
from typing import Any

from handler.isolation.process.exit_trap import EXIT_TRAP


class _Local(threading.local):
    loop: Any = None


_local = _Local()


def patch_policy(events: ModuleType) -> None:
    """Have the policy make a loop on a worker's own thread as on the main one."""
    policy: Any = vars(events).get("BaseDefaultEventLoopPolicy")
    if policy is None:
        return
    original: Callable[[Any], Any] = policy.get_event_loop

    def get_event_loop(self: Any) -> Any:
        exits = EXIT_TRAP.get()
        if exits is not None and exits.thread == get_ident() and _has_none(self):
            _local.loop = self.new_event_loop()
            self.set_event_loop(_local.loop)
        return original(self)

    policy.get_event_loop = get_event_loop


def close_loop() -> None:
    """Close the loop that was made for the calling thread, if any."""
    loop, _local.loop = _local.loop, None
    if loop is not None and not loop.is_running():
        loop.close()


def _has_none(policy: Any) -> bool:
    local = policy._local  # noqa: SLF001
    return local._loop is None and not local._set_called  # noqa: SLF001
