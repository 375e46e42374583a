"""A service of coroutines in the server's own process, on a thread that runs its event loop."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Thread

from handler.batching.thread_governor import ThreadGovernor
from handler.devices import onnx_sessions
from handler.devices.allocator import disable_malloc_trim
from handler.isolation.worker_environment import WorkerEnvironment
from handler.job import Deliver, Job, Outcome
from handler.workers.coroutines.request_loop import RequestLoop
from handler.workers.coroutines.service import AsyncService
from handler.workers.spec import ServiceSpec, WorkerSpec

END_SECONDS = 3.0


class AsyncThreadService:
    """Loads a service on a thread of its own, and serves with it there; its methods are called on others.

    `on_finish` gets the number of each batch with its outcomes, `on_end` what ended the loop unasked. On a device that
    allows one thread only this is a further one all the same: the loop never leaves it.
    """

    def __init__(
        self, spec: WorkerSpec, on_finish: Callable[[int, Sequence[Outcome]], object],
        on_end: Callable[[BaseException], object], on_exit: Callable[[int], None], *, can_move: bool = False,
    ) -> None:  # fmt: skip
        onnx_sessions.install()
        self.pid = os.getpid()
        self._spec = spec
        self._on_finish = on_finish
        self._on_end = on_end
        self._loaded: Future[None] = Future()
        self._loop: RequestLoop | None = None
        self._service: AsyncService | None = None
        service = spec.service
        self._environment = WorkerEnvironment(
            service.folder, spec.label, spec.write_line, packages=service.packages, environment=service.environment,
            allow_pickles=service.allow_pickles, can_move=can_move,
        )  # fmt: skip
        self._environment.on_exit = on_exit
        self._thread = Thread(target=self._run, name=f"{spec.label} event loop", daemon=True)

    def __repr__(self) -> str:
        return f"<AsyncThreadService {self._environment}>"

    def load(self) -> None:
        """Import and initialize the handler; raises whatever it raises."""
        disable_malloc_trim()
        self._thread.start()
        self._loaded.result()

    def start(self, number: int, jobs: Sequence[Job], deliver: Deliver) -> None:
        """Serve a batch."""
        assert self._loop is not None
        assert self._service is not None
        self._loop.start(number, self._service, jobs, deliver)

    def cancel(self, number: int) -> None:
        """Cancel a batch, if it runs; it counts as finished at once."""
        if self._loop is not None:
            self._loop.cancel(number)

    def kill(self) -> bool:
        """False: a hanging thread cannot be killed. Its modules are forgotten all the same."""
        self._environment.close()
        return False

    def close(self) -> None:
        """Have the thread end, and forget the handler with its modules."""
        if self._loop is not None:
            self._loop.stop()
        if self._thread.ident is not None:
            self._thread.join(END_SECONDS)
        self._environment.on_exit = lambda status: None
        self._environment.close()

    def _run(self) -> None:
        try:
            self._load()
        except BaseException as error:  # archive code raises anything
            self._close_loop()
            self._loaded.set_exception(error)
            return
        self._loaded.set_result(None)
        self._serve()

    def _load(self) -> None:
        governor = ThreadGovernor(self._spec.cores)
        self._environment.enter()
        governor.apply_share()
        self._loop = RequestLoop(self._on_finish)
        service = self._spec.service
        assert isinstance(service, ServiceSpec)
        self._service = AsyncService.load_on(
            self._loop, service, self._environment, self._spec.device, governor.apply_share
        )
        self._environment.need.can_move = False  # requests in flight cannot move
        governor.apply_share()

    def _serve(self) -> None:
        assert self._loop is not None
        try:
            self._loop.run()
        except BaseException as error:
            self._on_end(error)
        finally:
            self._close_loop()
            service, self._service = self._service, None
            if service is not None:
                service.close()

    def _close_loop(self) -> None:
        if self._loop is not None:
            self._loop.close()
            self._environment.close()
