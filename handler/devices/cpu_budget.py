"""How many cores this process may use, and each worker's share of them."""

import os
from collections.abc import Mapping

from handler.devices.cgroup import cpu_quota


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
