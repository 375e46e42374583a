"""A service of coroutines on a thread, unless its load needs a process; then in one."""

from collections.abc import Callable, Sequence
from typing import Any

from handler.job import Deliver, Job
from handler.workers.asynchronous.process_service import AsyncProcessService
from handler.workers.asynchronous.thread_service import AsyncThreadService
from handler.workers.movable_service import MovableService
from handler.workers.spec import WorkerSpec


class AsyncMovableService(MovableService):
    """Moves while it loads only: later there are requests in flight."""

    def __init__(self, spec: WorkerSpec, on_finish: Any, on_end: Any, on_exit: Callable[[int], None]) -> None:
        self._callbacks = on_finish, on_end
        assert spec.policy is not None
        super().__init__(spec, spec.policy, on_exit)

    def start(self, number: int, jobs: Sequence[Job], deliver: Deliver) -> None:
        """Serve a batch."""
        self._service.start(number, jobs, deliver)

    def cancel(self, number: int) -> None:
        """Cancel a batch, if it runs."""
        self._service.cancel(number)

    def _on_thread(self) -> Any:
        return AsyncThreadService(self._spec, *self._callbacks, self._on_exit, can_move=True)

    def _in_process(self) -> Any:
        return AsyncProcessService(self._spec, *self._callbacks, self._on_exit)
