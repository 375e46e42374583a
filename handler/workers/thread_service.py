"""A service in the server's own process, on the thread of its worker."""

import os
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import ParamSpec, TypeVar

from handler.batching.thread_governor import ThreadGovernor
from handler.devices import onnx_sessions
from handler.devices.allocator import keep_freed_memory
from handler.devices.device_thread import caller_for
from handler.isolation.torch.torch_state import TorchState
from handler.isolation.worker_environment import WorkerEnvironment
from handler.job import Job, Outcome
from handler.workers.continuous import load_service
from handler.workers.service import Deliver, Seat, Service, ServiceSpec

P = ParamSpec("P")
T = TypeVar("T")


class ThreadService:
    """Loads and calls a service on the calling thread, or on the one thread that its device bears.

    `on_exit` is told the status with which the archive's code ended the worker from another thread than that.
    """

    def __init__(self, seat: Seat, blueprint: ServiceSpec, on_exit: Callable[[int], None]) -> None:
        onnx_sessions.install()
        self.pid = os.getpid()
        self._seat = seat
        self._blueprint = blueprint
        self._elsewhere = caller_for(seat.device)
        self._service: Service | None = None
        self._governor = ThreadGovernor(seat.cores)
        self._torch_state = TorchState()
        self._surroundings = WorkerEnvironment(
            blueprint.folder, seat.label, seat.say, packages=blueprint.packages, environment=blueprint.environment,
            allow_pickles=blueprint.allow_pickles,
        )  # fmt: skip
        self._surroundings.on_exit = on_exit

    def __repr__(self) -> str:
        return f"<ThreadService {self._surroundings}>"

    def load(self) -> None:
        """Import and initialize the handler; raises whatever it raises."""
        keep_freed_memory()
        self._settle_in()
        self._service = self._call(self._load)
        self._governor.apply_share()

    def predict(self, jobs: Sequence[Job], deliver: Deliver, *, concurrent: bool) -> list[Outcome]:
        """What each job has come to, while other requests are usually in flight or not.

        What is no `Exception` passes through.
        """
        assert self._service is not None
        self._governor.choose(concurrent=concurrent)
        began = perf_counter()
        outcomes = self._call(self._service.predict, jobs, deliver)
        self._governor.record(len(jobs), perf_counter() - began)
        return outcomes

    def kill(self) -> bool:
        """False: nobody can kill a hanging thread. Its modules are forgotten all the same."""
        self._surroundings.close()
        return False

    def close(self) -> None:
        """End what the handler has started by itself, and forget it with its modules."""
        service, self._service = self._service, None
        # Its threads may live on, and lead here; they must not keep it: executors end when they are forgotten.
        self._surroundings.on_exit = _ignore
        if service is not None:
            service.close()
        self._surroundings.close()

    def _load(self) -> Service:
        return load_service(self._blueprint, self._surroundings, self._seat.device, self._governor.apply_share)

    def _settle_in(self) -> None:
        self._surroundings.enter()
        self._governor.apply_share()

    def _call(self, function: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        if self._elsewhere is None:
            return function(*arguments, **options)

        def settled() -> T:
            self._settle_in()
            with self._torch_state.in_force():
                return function(*arguments, **options)

        result: T = self._elsewhere(settled)
        return result


def _ignore(status: int) -> None:
    """Who has ended already cannot end again."""
