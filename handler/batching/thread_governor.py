"""Sets how many threads torch and ONNX Runtime use for the batches of one worker."""

import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any

from handler.batching.autotuner import Autotuner, Decision
from handler.devices.cpu_budget import Cores
from handler.devices.onnx_sessions import set_thread_budget

QUICK_BATCH_SECONDS = 0.002  # shorter ones get one thread: others have to be woken, and waited for

LOG = logging.getLogger("marserve.batching")
Tuning = tuple[int, Decision | None]
"""The number of threads of a batch, and the last change that trials have led to."""


class ThreadGovernor:
    """Gives the code that runs on a worker's own thread its number of threads, anew for each batch.

    A lone client gets all cores. While several requests are in flight, a worker keeps to its share. Whether fewer are
    better is tried now and then: threads that outnumber the free cores wait for each other, so that small models may
    lose more than half of their throughput to the event loop or to a busy neighbour, while large ones gain from each
    core. A handler that sets a number for torch by itself keeps it.
    """

    def __init__(
        self,
        cores: Cores,
        modules: Mapping[str, Any] = sys.modules,
        on_change: Callable[[Decision], object] | None = None,
    ) -> None:
        self._on_change = on_change
        self._decision: Decision | None = None
        self._autotuners = {
            concurrent: Autotuner(
                cores.candidates(limit), quick=quick, quick_seconds=QUICK_BATCH_SECONDS, on_change=self._record_decision
            )
            for concurrent, limit, quick in (
                (True, cores.share, min(cores.share, cores.minimum)), (False, cores.maximum, cores.maximum)
            )
        }  # fmt: skip
        self._cores = cores
        self._modules = modules
        self._torch_threads: int | None = None  # as set last; None before torch is imported
        self._is_overridden = False
        self._concurrent = False
        self._threads = cores.share

    def __repr__(self) -> str:
        return f"<ThreadGovernor {self._threads} of {self._cores.share}>"

    @property
    def tuning(self) -> Tuning:
        """The number that a batch gets now, but for trials, and the last decision."""
        return self._autotuners[self._concurrent].best, self._decision

    def apply_share(self) -> None:
        """Set torch to the worker's share as soon as it is imported; this imports nothing."""
        set_thread_budget(self._cores, self._threads)
        torch: Any = self._modules.get("torch")
        # While another thread still imports torch, its functions are not there yet.
        if self._torch_threads is None and hasattr(torch, "set_num_threads"):
            # A thread first takes over the number that was last set anywhere: let that be past before it gets its own.
            torch.get_num_threads()
            self._set_torch_threads(torch, self._cores.share)

    def choose(self, *, concurrent: bool) -> None:
        """Set the number for the next batch, while several requests are usually in flight or not."""
        self._concurrent = concurrent
        threads = self._autotuners[concurrent].choose()
        if threads != self._threads:
            self._threads = threads
            set_thread_budget(self._cores, threads)
        if self._torch_threads is not None and threads != self._torch_threads and not self._is_overridden:
            torch = self._modules["torch"]
            if torch.get_num_threads() != self._torch_threads:
                self._is_overridden = True  # the handler has chosen its own number
            else:
                self._set_torch_threads(torch, threads)

    def record(self, rows: int, seconds: float) -> None:
        """Add the time of the batch that the number was chosen for."""
        self._autotuners[self._concurrent].record(rows, seconds)

    def _record_decision(self, decision: Decision) -> None:
        self._decision = decision
        if self._on_change is not None:
            self._on_change(decision)

    def _set_torch_threads(self, torch: Any, threads: int) -> None:
        torch.set_num_threads(threads)
        self._torch_threads = threads


def log_decision(label: str, decision: Decision) -> None:
    """Log that a worker's batches get another number of threads from now on."""
    LOG.info("%s: a batch of concurrent requests got %s threads, and gets %s now: %s.", label, *decision)
