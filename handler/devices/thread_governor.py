"""How many threads torch uses for what one worker computes."""

import sys
from collections.abc import Mapping
from typing import Any


class ThreadGovernor:
    """Gives torch a worker's share of the cores, on the worker's own thread: torch keeps the number for each thread.

    With company, when requests come while others are in work, one core is left to the event loop: OpenMP threads that
    outnumber the free cores wait for each other, and small models then lose more than half of their throughput. A
    lone client finds all cores at work. A share that is `fixed` stays what it is in any company; a handler that sets a
    number of its own keeps it.
    """

    def __init__(self, share: int, modules: Mapping[str, Any] = sys.modules, *, fixed: bool = False) -> None:
        self._share = share
        self._fixed = fixed
        self._modules = modules
        self._set: int | None = None
        self._over = False

    def __repr__(self) -> str:
        return f"<ThreadGovernor {self._set} of {self._share}>"

    def settle(self) -> None:
        """Give torch the share as soon as it is there; nothing is imported for that."""
        torch: Any = self._modules.get("torch")
        # While another thread still imports torch, its functions are not there yet.
        if self._set is None and hasattr(torch, "set_num_threads"):
            # A thread first takes over the number that was last set anywhere: let that be past before it gets its own.
            torch.get_num_threads()
            self._give(torch, self._share)

    def adapt(self, *, company: bool) -> None:
        """Fit the number to whether other requests are usually in flight; called before each batch."""
        wanted = max(1, self._share - 1) if company and not self._fixed else self._share
        if self._over or self._set is None or wanted == self._set:
            return
        torch = self._modules["torch"]
        if torch.get_num_threads() != self._set:
            self._over = True  # the handler has chosen its own number
        else:
            self._give(torch, wanted)

    def _give(self, torch: Any, threads: int) -> None:
        torch.set_num_threads(threads)
        self._set = threads
