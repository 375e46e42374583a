"""How many threads torch and ONNX Runtime use for what one worker computes."""

import sys
from collections.abc import Mapping
from typing import Any

from handler.batching.autotuner import Autotuner
from handler.devices.cpu_budget import Cores
from handler.devices.onnx_sessions import allot

WORTH = 0.002
"""Seconds that a batch takes with one thread from which on more are tried: they have to be woken, and waited for."""


class ThreadGovernor:
    """Gives what computes on a worker's own thread its number of threads, anew for each batch.

    A lone client finds all cores at work. In company, when requests come while others are in work, a worker keeps to
    its share. Whether one thread less is better is tried now and then: threads that outnumber the free cores wait for
    each other, so that small models may lose more than half of their throughput to the event loop or to a busy
    neighbour, while large ones gain from each core. A handler that sets a number for torch by itself keeps it.
    """

    def __init__(self, cores: Cores, modules: Mapping[str, Any] = sys.modules) -> None:
        fewer = max(cores.least, cores.most - 1)
        self._contests = {
            True: Autotuner((cores.least, cores.share), worth=WORTH),
            False: Autotuner((cores.most, fewer)),
        }
        self._cores = cores
        self._modules = modules
        self._set: int | None = None
        self._over = False
        self._company = False
        self._picked = cores.share

    def __repr__(self) -> str:
        return f"<ThreadGovernor {self._picked} of {self._cores.share}>"

    def settle(self) -> None:
        """Give torch the share as soon as it is there; nothing is imported for that."""
        allot(self._cores, self._picked)
        torch: Any = self._modules.get("torch")
        # While another thread still imports torch, its functions are not there yet.
        if self._set is None and hasattr(torch, "set_num_threads"):
            # A thread first takes over the number that was last set anywhere: let that be past before it gets its own.
            torch.get_num_threads()
            self._give(torch, self._cores.share)

    def adapt(self, *, company: bool) -> None:
        """Choose for the next batch, while other requests are usually in flight or not."""
        self._company = company
        picked = self._contests[company].pick()
        if picked != self._picked:
            self._picked = picked
            allot(self._cores, picked)
        if self._set is not None and picked != self._set and not self._over:
            self._govern_torch(picked)

    def note(self, rows: int, seconds: float) -> None:
        """Take what the batch came to."""
        self._contests[self._company].note(rows, seconds)

    def _govern_torch(self, threads: int) -> None:
        torch = self._modules["torch"]
        if torch.get_num_threads() != self._set:
            self._over = True  # the handler has chosen its own number
        else:
            self._give(torch, threads)

    def _give(self, torch: Any, threads: int) -> None:
        torch.set_num_threads(threads)
        self._set = threads
