"""The workers of one model version: how many there should be, dealt over devices, mended when they die."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from handler.batching.batcher import Batcher
from handler.devices.device import Device
from handler.errors import ChildFailed
from handler.metrics.server_metrics import ModelMetrics
from handler.workers.service import ServiceSpec
from handler.workers.traces import own_traceback
from handler.workers.worker import Post, Worker


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the workers of a pool go: `assign_device(index)` names the device of the index-th worker."""

    assign_device: Callable[[int], Device]
    number: Callable[[], int]
    """The next worker id; counts up over the life of the server."""
    post: Callable[[int, Device], Post]
    """The post of a worker with that id on that device."""


def restart_delays() -> Iterator[float]:
    """Seconds before each successive restart: at once, then 1, 1, 2, 3, 5, 8, ... as TorchServe does."""
    yield 0.0
    delay, following = 1, 1
    while True:
        yield float(delay)
        delay, following = following, min(delay + following, 1597)


class WorkerPool:
    """Keeps `size` workers alive. It belongs to one thread: all methods are called there, workers report there.

    A worker that dies is replaced; a load that keeps failing is tried again, ever later, until `retry_for` seconds
    after the first failure.
    """

    def __init__(
        self, blueprint: ServiceSpec, batcher: Batcher, placement: Placement, metrics: ModelMetrics,
        *, retry_for: float = 300.0,
    ) -> None:  # fmt: skip
        self._blueprint = blueprint
        self._batcher = batcher
        self._placement = placement
        self._metrics = metrics
        self._retry_for = retry_for
        self._delays = restart_delays()
        self._failing_since: float | None = None
        self.workers: list[Worker] = []
        self._left: list[Worker] = []
        self._told = ""
        self.abandoned_count = 0

    def __repr__(self) -> str:
        return f"<WorkerPool {self.ready_count} of {len(self.workers)} ready, {self.abandoned_count} abandoned>"

    @property
    def ready_count(self) -> int:
        """How many workers serve now."""
        return sum(worker.state == "ready" for worker in self.workers)

    @property
    def alive_count(self) -> int:
        """How many workers serve or may still come to serve."""
        return sum(worker.state in ("ready", "loading") for worker in self.workers)

    def scale(self, size: int) -> list[Worker]:
        """Add or dismiss workers until there are `size`; returns those that now have to load."""
        for worker in self.workers[size:]:
            self._stop(worker)
        return [self._start(self._placement.assign_device(index)) for index in range(len(self.workers), size)]

    def replace_worker(self, worker: Worker) -> None:
        """Replace a worker that ended unasked, unless its loads have failed for too long."""
        failure = worker.loaded.exception()
        if failure is not None:
            self._tell(worker, failure)
        if worker not in self.workers:
            return
        self._stop(worker)
        if failure is None:
            self._failing_since, self._delays, self._told = None, restart_delays(), ""
        elif self._failing_since is None:
            self._failing_since = time.monotonic()
        if self._failing_since is None or time.monotonic() - self._failing_since < self._retry_for:
            self._start(worker.post.device, next(self._delays))
        else:
            worker.post.say("stderr", f"No worker is started any more: loading has failed for {self._retry_for:g} s.")

    def abandon_overdue(self, response_timeout: float, startup_timeout: float) -> float | None:
        """Give up workers that hang, also dismissed ones, and replace them.

        Returns seconds until the next one may be due, None if none can be.
        """
        now, rests = time.monotonic(), []
        for worker in (*self.workers, *self._left):
            rest = _rest(worker, now, response_timeout, startup_timeout)
            if rest is not None and rest <= 0:
                worker.abandon(_reason(worker, response_timeout, startup_timeout))
                self.abandoned_count += worker.abandoned
                self.replace_worker(worker)
            elif rest is not None:
                rests.append(rest)
        return min(rests, default=None)

    def stop(self) -> list[Worker]:
        """Dismiss all workers; returns those that are still to end. For hanging threads nobody can wait."""
        self.scale(0)
        return [worker for worker in self._left if not worker.abandoned]

    def _start(self, device: Device, delay: float = 0.0) -> Worker:
        post = self._placement.post(self._placement.number(), device)
        worker = Worker(self._blueprint, self._batcher, post, self._metrics)
        self.workers.append(worker)
        worker.start(delay)
        return worker

    def _stop(self, worker: Worker) -> None:
        self.workers.remove(worker)
        self._left = [other for other in self._left if not other.join(0)] + [worker]
        worker.stop()

    def _tell(self, worker: Worker, failure: BaseException) -> None:
        """Show the handler's own traceback once; when the next attempt fails alike, a line is enough."""
        lines: Sequence[str] = [str(failure)]
        if failure.__cause__ is not None and repr(failure.__cause__) != self._told:
            self._told = repr(failure.__cause__)
            lines = _lines(failure.__cause__)
        for line in ("The model could not be loaded.", *lines):
            worker.post.say("stderr", line)


def _lines(error: BaseException) -> Sequence[str]:
    if isinstance(error, ChildFailed):
        return error.lines
    return own_traceback(error)


def _rest(worker: Worker, now: float, response_timeout: float, startup_timeout: float) -> float | None:
    """Seconds that a busy or loading worker still has; None for one that is idle or at its end."""
    if worker.state == "ended":
        return None
    if not worker.loaded.done():
        return worker.loading_since + startup_timeout - now
    batch = worker.batch
    return None if batch is None else batch.progressed_at + response_timeout - now


def _reason(worker: Worker, response_timeout: float, startup_timeout: float) -> str:
    if worker.loaded.done():
        return f"no answer within the response timeout of {response_timeout:g} s"
    return f"not loaded within the startup timeout of {startup_timeout:g} s"
