"""A service in the server's own process, on the thread of its worker."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter
from typing import Any, ParamSpec, TypeVar

from handler.batching.thread_governor import ThreadGovernor, Tuning, log_decision
from handler.devices import onnx_sessions
from handler.devices.allocator import disable_malloc_trim
from handler.devices.device_thread import device_executor
from handler.isolation.process.patched_modules import PATCH_WATCH
from handler.isolation.torch.torch_state import TorchState
from handler.isolation.worker_environment import WorkerEnvironment
from handler.job import Deliver, Job
from handler.job_times import HandlerTimes
from handler.workers.kinds import LoadedService, load_service
from handler.workers.spec import WorkerSpec

P = ParamSpec("P")
T = TypeVar("T")


class ThreadService:
    """Loads and calls a service on the calling thread, or on the one thread that its device allows.

    `on_exit` is called with the status with which the archive's code ended the worker from another thread than that.
    """

    def __init__(self, spec: WorkerSpec, on_exit: Callable[[int], None], *, can_move: bool = False) -> None:
        onnx_sessions.install()
        self.pid = os.getpid()
        self._spec = spec
        self._executor = device_executor(spec.device)
        self._service: LoadedService | None = None
        self._governor = ThreadGovernor(spec.cores, on_change=partial(log_decision, spec.label))
        self._torch_state = TorchState()
        service = spec.service
        self._environment = WorkerEnvironment(
            service.folder, spec.label, spec.write_line, packages=service.packages, environment=service.environment,
            allow_pickles=service.allow_pickles, can_move=can_move,
        )  # fmt: skip
        self._environment.on_exit = on_exit

    def __repr__(self) -> str:
        return f"<ThreadService {self._environment}>"

    @property
    def last_times(self) -> HandlerTimes | None:
        """The times of the last batch; None for kinds of models that do not measure them."""
        return getattr(self._service, "last_times", None)

    @property
    def tuning(self) -> Tuning:
        """The threads of a batch, and the last decision about them."""
        return self._governor.tuning

    def load(self) -> None:
        """Import and initialize the handler; raises whatever it raises."""
        disable_malloc_trim()
        self._enter()
        self._service = self._call(load_service, self._spec, self._environment, self._governor.apply_share)
        self._governor.apply_share()

    def predict(self, jobs: Sequence[Job], deliver: Deliver, *, concurrent: bool) -> Sequence[Any]:
        """The outcome of each job, while several requests are usually in flight or not.

        All but `Exception` pass through; ProcessRequired is raised where the service `can_move` and has to.
        """
        assert self._service is not None
        self._governor.choose(concurrent=concurrent)
        started_at = perf_counter()
        try:
            if self._executor is None:
                outcomes = self._service.predict(jobs, deliver)
            else:
                outcomes = self._call(self._service.predict, jobs, deliver)
        finally:
            ended_at, environment = perf_counter(), self._environment
            if ended_at >= PATCH_WATCH.due_at or not environment.is_checked or environment.need.reason:
                environment.check_need(ended_at)
        self._governor.record(len(jobs), ended_at - started_at)
        return outcomes

    def kill(self) -> bool:
        """False: a hanging thread cannot be killed. Its modules are forgotten all the same."""
        self._environment.close()
        return False

    def close(self) -> None:
        """Stop the threads that the handler has started, and forget it with its modules."""
        service, self._service = self._service, None
        # Its threads may live on, and lead here; they must not keep it: executors end when they are forgotten.
        self._environment.on_exit = lambda status: None
        if service is not None:
            service.close()
        self._environment.close()

    def _enter(self) -> None:
        self._environment.enter()
        self._governor.apply_share()

    def _call(self, function: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        if self._executor is None:
            return function(*arguments, **options)

        def enter_and_call() -> T:
            self._enter()
            with self._torch_state.in_force():
                return function(*arguments, **options)

        return self._executor.submit(enter_and_call).result()
