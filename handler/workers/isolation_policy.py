"""Where the workers of one model version run, as far as its archive has shown."""

import logging
from collections.abc import Callable
from threading import Lock

from handler.batching.lock_contention import LockContention

LOG = logging.getLogger("marserve.loading")
OVERRULE = "isolation: thread in its model-config.yaml, or at its registration, keeps them threads"


class IsolationPolicy:
    """Shared by the workers that start as threads and may move; all methods may be called on any thread.

    `on_move` is called once, when the first of them has to move: those that start later are processes from the start.
    `contention` finds out whether they wait for each other; None where that makes no difference.
    """

    def __init__(self, model: str, on_move: Callable[[], object], contention: LockContention | None = None) -> None:
        self.contention = contention
        self.thread_loads = 0
        """The number of workers that have loaded on threads."""
        self.was_tried = False
        """Whether a load that had failed on a thread has failed in a process, too."""
        self._model = model
        self._on_move = on_move
        self._lock = Lock()
        self._moved = False

    def __repr__(self) -> str:
        return f"<IsolationPolicy of {self._model}{', moved' if self._moved else ''}>"

    def move(self, reason: str) -> None:
        """Have the workers that start from now on be processes, and log why."""
        with self._lock:
            is_first, self._moved = not self._moved, True
        if is_first:
            log_move(self._model, f"its code {reason}")
            self._on_move()


def log_move(model: str, reason: str) -> None:
    """Log why a model's workers are processes, and how to overrule that."""
    LOG.warning("Model %s: its workers are processes of their own: %s. %s.", model, reason, OVERRULE.capitalize())
