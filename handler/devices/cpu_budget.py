"""The number of cores that this process may use, and each worker's share of them."""

import os
from collections.abc import Mapping
from typing import NamedTuple

from handler.devices.cgroup import cpu_quota


class Cores(NamedTuple):
    """The cores that one worker computes on: its `share` while others are at work, and the `maximum` while it is alone.

    From the `minimum` on, fewer are tried as well.
    """

    share: int
    maximum: int
    minimum: int

    def candidates(self, limit: int) -> list[int]:
        """The numbers of threads that are worth a trial, from `limit` down."""
        numbers = dict.fromkeys((limit, limit - 1, limit // 2, limit // 4, 1))
        return [number for number in numbers if number >= self.minimum] or [limit]


def usable_cores() -> int:
    """The cores that this process may run on: the affinity where the platform has one."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_budget() -> float:
    """Cores' worth of time that this process gets: no more than the container's quota, which may be a fraction."""
    return min(float(usable_cores()), cpu_quota() or float("inf"))


def cores_for_worker(workers: int, environ: Mapping[str, str] = os.environ) -> Cores:
    """The cores of one of `workers` workers; OMP_NUM_THREADS decides where the user has set it."""
    requested = environ.get("OMP_NUM_THREADS", "")
    if requested.isdigit():
        return fixed_cores(int(requested))
    budget = cpu_budget()
    share = max(1, int(budget / max(1, workers)))
    return Cores(share, max(1, int(budget)), 1)


def fixed_cores(cores: int) -> Cores:
    """A number that does not depend on the load."""
    return Cores(max(1, cores), max(1, cores), max(1, cores))
