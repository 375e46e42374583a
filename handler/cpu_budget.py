"""How many cores this process may use, and each worker's share of them."""

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from handler.cgroup import cpu_quota


def usable_cores() -> int:
    """The cores that this process may run on: the affinity where the platform has one."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_budget() -> float:
    """Cores' worth of time that this process gets: no more than the container's quota, which may be a fraction."""
    return min(float(usable_cores()), cpu_quota() or float("inf"))


def threads_per_worker(workers: int, environ: Mapping[str, str] = os.environ) -> int:
    """The share of one of `workers` workers, at least 1; OMP_NUM_THREADS decides where the user has set it."""
    wish = environ.get("OMP_NUM_THREADS", "")
    share = int(wish) if wish.isdigit() else int(cpu_budget() / max(1, workers))
    return max(1, share)


def govern_threads(threads: int, modules: Mapping[str, Any] = sys.modules) -> Callable[[], bool]:
    """Let torch use so many threads for what the calling thread computes.

    torch keeps the number per calling thread, so each worker calls this in its own. Nothing is imported: before torch
    is there nothing happens yet, and the worker calls what is returned again once its handler's modules are loaded.
    That takes effect once (True: it has), so that a handler that sets its own number later keeps it.
    """
    governed = False

    def apply() -> bool:
        nonlocal governed
        torch: Any = modules.get("torch")
        # While another thread still imports torch, its functions are not there yet.
        if not governed and hasattr(torch, "set_num_threads"):
            # A thread first takes over the number that was last set anywhere: let that be past before it gets its own.
            torch.get_num_threads()
            torch.set_num_threads(threads)
            governed = True
        return governed

    apply()
    return apply
