"""A service on its worker's thread, until what its code does needs a process; then in one."""

import logging
from collections.abc import Callable, Sequence
from threading import Event, Thread
from typing import Any

from handler.batching.thread_governor import Tuning
from handler.errors import PredictionFailed
from handler.isolation.process.need import ProcessRequired, reason_in
from handler.job import Deliver, Job
from handler.job_times import HandlerTimes
from handler.workers.isolation_policy import IsolationPolicy
from handler.workers.process.process_service import ProcessService
from handler.workers.spec import WorkerSpec
from handler.workers.thread_service import ThreadService

LOG = logging.getLogger("marserve.loading")
KEEPS_LOCK = "keeps the interpreter's lock, so that threads wait for each other"


class MovableService:
    """Loads and calls a service on the calling thread, and once more in a process if that is needed.

    A load that failed for a reason that a process may not have is tried again there, before the failure is reported;
    so is a batch, unless parts of its answers are on their way. Where the code keeps the interpreter's lock, a process
    loads while the thread serves, and takes over between two batches.
    """

    def __init__(self, spec: WorkerSpec, policy: IsolationPolicy, on_exit: Callable[[int], None]) -> None:
        self._spec = spec
        self._policy = policy
        self._on_exit = on_exit
        self._contention = policy.contention if spec.device.kind == "cpu" else None
        self._successor: ProcessService | None = None
        self._is_succeeded, self._is_closed = Event(), Event()
        self._service: Any = self._on_thread()

    def __repr__(self) -> str:
        return f"<MovableService {self._service}>"

    @property
    def pid(self) -> int:
        """The process that it runs in now."""
        return int(self._service.pid)

    @property
    def last_times(self) -> HandlerTimes | None:
        """The times of the last batch."""
        times: HandlerTimes | None = self._service.last_times
        return times

    @property
    def tuning(self) -> Tuning:
        """The threads of a batch, and the last decision about them."""
        tuning: Tuning = self._service.tuning
        return tuning

    def load(self) -> None:
        """Import and initialize the handler; raises whatever it raises."""
        try:
            self._service.load()
            self._policy.thread_loads += 1
        except ProcessRequired as need:
            self._policy.move(need.reason)
            self._move()
        except Exception as error:
            reason = self._suspicion(error)
            if not reason:
                raise
            self._try_process(reason, error)

    def predict(self, jobs: Sequence[Job], deliver: Deliver, *, concurrent: bool) -> Sequence[Any]:
        """The outcome of each job, while several requests are usually in flight or not."""
        try:
            return self._predict(jobs, deliver, concurrent)
        except ProcessRequired as need:
            self._policy.move(need.reason)
            self._move()
            deliver(())  # the time that this took is no sign of hanging
        if any(job.continued or job.window is not None for job in jobs):  # chunks were delivered already
            return [PredictionFailed()] * len(jobs)
        return self._predict(jobs, deliver, concurrent)

    def kill(self) -> bool:
        """Kill it where it hangs; false if it is on a thread."""
        self._drop_successor()
        return bool(self._service.kill())

    def close(self) -> None:
        """Stop it."""
        self._drop_successor()
        self._service.close()

    def _on_thread(self) -> Any:
        return ThreadService(self._spec, self._on_exit, can_move=True)

    def _in_process(self) -> Any:
        return ProcessService(self._spec, self._on_exit)

    def _predict(self, jobs: Sequence[Job], deliver: Deliver, concurrent: bool) -> Sequence[Any]:
        outcomes: Sequence[Any]
        if self._successor is not None and self._is_succeeded.is_set():
            self._succeed(self._successor)
        contention = self._contention
        if contention is None or not concurrent:
            outcomes = self._service.predict(jobs, deliver, concurrent=concurrent)
            return outcomes
        started_at = contention.start()
        try:
            outcomes = self._service.predict(jobs, deliver, concurrent=concurrent)
        finally:
            contention.finish(started_at)
        if contention.is_found and self._successor is None:
            self._start_successor()
        return outcomes

    def _start_successor(self) -> None:
        self._successor = self._in_process()
        Thread(target=self._load, args=(self._successor,), name=f"{self._spec.label} moves", daemon=True).start()

    def _load(self, successor: ProcessService) -> None:
        """Load a process while the thread serves; it lives no longer than the thread that has started it."""
        try:
            with self._spec.service.files:
                successor.load()
        except BaseException as error:  # a process that ends raises WorkerExit
            self._contention = None
            if not self._is_closed.is_set():
                LOG.warning("%s stays a thread, as it does not load in a process: %s", self._spec.label, error)
        else:
            self._policy.move(KEEPS_LOCK)
            self._is_succeeded.set()
            self._is_closed.wait()
        if self._service is not successor:
            successor.close()

    def _succeed(self, successor: ProcessService) -> None:
        """Go on in the process that has been loaded."""
        self._service.close()
        self._service, self._successor, self._contention = successor, None, None

    def _suspicion(self, error: Exception) -> str:
        """The reason to try a process after a failed load, "" if there is none."""
        if self._policy.was_tried:
            return ""
        if self._policy.thread_loads:
            return f"does not load twice in one process ({type(error).__name__}: {error})"
        return reason_in(error)

    def _try_process(self, reason: str, error: Exception) -> None:
        try:
            self._move()
        except Exception:
            self._policy.was_tried = True
            raise error from None
        self._policy.move(reason)

    def _drop_successor(self) -> None:
        self._is_closed.set()
        if self._successor is not None:
            self._successor.kill()

    def _move(self) -> None:
        self._contention = None
        self._service.close()
        self._service = self._in_process()
        self._service.load()
