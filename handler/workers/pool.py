"""The workers of one model version: scaled, watched for hanging, replaced when they die."""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, repeat

from handler.batching.batcher import Batcher
from handler.errors import ChildFailed
from handler.job import Deliver
from handler.log_record import pack_record
from handler.metrics.model_metrics import ModelMetrics
from handler.workers.load_remedies import remedy_for
from handler.workers.spec import WorkerSpec
from handler.workers.traces import own_traceback
from handler.workers.worker import Worker

CallLater = Callable[[float, Callable[[], object]], object]
"""Calls a function after so many seconds, on the thread of the pool."""
RESTARTS_AT_ONCE = 2
"""Deaths of each worker of a pool, before it has served a batch, after which it is replaced without a wait."""
_DEATH_DELAYS = 1.0, 2.0, 3.0, 5.0, 8.0


def restart_delays() -> Iterator[float]:
    """Seconds before each successive restart: at once, then 1, 1, 2, 3, 5, 8, ... as TorchServe does."""
    yield 0.0
    delay, following = 1, 1
    while True:
        yield float(delay)
        delay, following = following, min(delay + following, 1597)


class RestartBackoff:
    """Chooses the waits of one pool.

    After failed loads they are TorchServe's. A worker that dies once it has loaded is replaced at once, but not for
    ever: where workers keep dying and none of the pool has served a single batch, their starts would take the processor
    from all other models.
    """

    def __init__(self) -> None:
        self._load_delays = restart_delays()
        self._early_deaths = 0
        self._death_delays: Iterator[float] = iter(())

    def __repr__(self) -> str:
        return f"<RestartBackoff after {self._early_deaths} early deaths>"

    def after_failed_load(self) -> float:
        """Seconds until the load is tried again."""
        return next(self._load_delays)

    def after_death(self, workers: int, *, has_served: bool) -> float:
        """Seconds until the next start, after the death of one of so many workers; `has_served` is true of any."""
        self._load_delays = restart_delays()
        self._early_deaths = 0 if has_served else self._early_deaths + 1
        if self._early_deaths <= RESTARTS_AT_ONCE * workers:
            self._death_delays = chain(_DEATH_DELAYS, repeat(_DEATH_DELAYS[-1]))
            return 0.0
        return next(self._death_delays)


class WorkerPool:
    """Keeps a number of workers alive. All methods belong to one thread; `on_end` is called on others.

    `new_spec` makes the specification of a worker from its index. A worker that dies is replaced, ever later where
    workers keep dying before they have served a batch; a load that keeps failing is tried again, ever later, until
    `retry_seconds` after the first failure.
    """

    def __init__(
        self, new_spec: Callable[[int], WorkerSpec], batcher: Batcher, metrics: ModelMetrics, deliver: Deliver, *,
        on_end: Callable[[Worker], object], call_later: CallLater, retry_seconds: float = 300.0,
    ) -> None:  # fmt: skip
        self._new_spec = new_spec
        self._batcher = batcher
        self._metrics = metrics
        self._deliver = deliver
        self._on_end = on_end
        self._call_later = call_later
        self._retry_seconds = retry_seconds
        self._backoff = RestartBackoff()
        self._failing_since: float | None = None
        self.workers: list[Worker] = []
        self._stopped: list[Worker] = []
        self._reported_cause = ""
        self.abandoned_count = 0

    def __repr__(self) -> str:
        return f"<WorkerPool {self.ready_count} of {len(self.workers)} ready, {self.abandoned_count} abandoned>"

    @property
    def stopping_workers(self) -> list[Worker]:
        """Those that were stopped and have not ended."""
        return [worker for worker in self._stopped if worker.state == "stopping"]

    @property
    def ready_count(self) -> int:
        """The number of workers that serve now."""
        return sum(worker.state == "ready" for worker in self.workers)

    @property
    def alive_count(self) -> int:
        """The number of workers that serve or may still come to serve."""
        return sum(worker.state in ("ready", "loading") for worker in self.workers)

    @property
    def is_failing(self) -> bool:
        """Whether the last load failed, and none has succeeded since."""
        return self._failing_since is not None and not self.ready_count

    def scale(self, size: int) -> list[Worker]:
        """Start or stop workers until there are `size`; returns those that now have to load."""
        for worker in self.workers[size:]:
            self._stop(worker)
        before = list(self.workers)
        try:
            return [self._start(index) for index in range(len(before), size)]
        except BaseException:
            for worker in self.workers[len(before) :]:
                self._stop(worker)
            raise

    def replace_worker(self, worker: Worker) -> None:
        """Replace a worker that ended unasked, unless its loads have failed for too long."""
        if worker not in self.workers:
            return
        failure = worker.loaded.exception()
        if failure is None:
            self._failing_since, self._reported_cause = None, ""
        else:
            self._report(worker, failure)
            self._failing_since = self._failing_since or time.monotonic()
        is_given_up = self._failing_since is not None and time.monotonic() - self._failing_since >= self._retry_seconds
        if not is_given_up:
            self._start(worker.spec.index, self._delay_after(worker))
        self._stop(worker)  # last: a worker that could not be replaced is replaced later
        if is_given_up:
            reason = f"loading has failed for {self._retry_seconds:g} s"
            worker.spec.write_line("stderr", f"No worker is started any more: {reason}.")

    def abandon_hung(
        self, response_timeout: float, startup_timeout: float, just_started: Sequence[Worker] = ()
    ) -> float | None:
        """Give up workers that hang, also stopped ones, and replace them and others that have ended.

        The ends of those that have just started are still to be reported.

        Returns seconds until the next one may be due, None if none can be.
        """
        waits = []
        for worker in (*self.workers, *self._stopped):
            remaining = worker.remaining_seconds(response_timeout, startup_timeout)
            if remaining is not None and remaining <= 0:
                worker.abandon(
                    f"no answer within the response timeout of {response_timeout:g} s"
                    if worker.loaded.done()
                    else f"not loaded within the startup timeout of {startup_timeout:g} s"
                )
                self.abandoned_count += worker.abandoned
            elif remaining is not None:
                waits.append(remaining)
            is_unreported = worker.state == "ended" and worker not in just_started
            if is_unreported and worker in self.workers:  # its end was not reported, or replacing it failed
                self.replace_worker(worker)
        return min(waits, default=None)

    def stop(self) -> list[Worker]:
        """Stop all workers; returns those that are still to end. Hanging threads are not waited for."""
        self.scale(0)
        return [worker for worker in self._stopped if not worker.abandoned]

    def _start(self, index: int, delay: float = 0.0) -> Worker:
        spec = self._new_spec(index)
        worker = _kind_of(spec)(spec, self._batcher, self._metrics, self._deliver, self._on_end, delay)
        self.workers.append(worker)
        if delay:
            self._call_later(delay, worker.start)
        else:
            worker.start()
        return worker

    def _delay_after(self, worker: Worker) -> float:
        """Seconds until the successor of a worker that has ended is started."""
        if worker.loaded.exception() is not None:
            return self._backoff.after_failed_load()
        has_served = any(each.has_served for each in self.workers)
        delay = self._backoff.after_death(len(self.workers), has_served=has_served)
        if delay:
            worker.spec.write_line("stderr", f"Workers keep dying; the next one is started in {delay:g} s.")
        return delay

    def _stop(self, worker: Worker) -> None:
        self.workers.remove(worker)
        self._stopped = [other for other in self._stopped if not other.join(0)] + [worker]
        worker.stop()

    def _report(self, worker: Worker, failure: BaseException) -> None:
        """Write the handler's own traceback once; when the next attempt fails alike, a line is enough."""
        lines: Sequence[str] = [str(failure)]
        cause = failure.__cause__
        if cause is not None and repr(cause) != self._reported_cause:
            self._reported_cause = repr(cause)
            lines = cause.lines if isinstance(cause, ChildFailed) else own_traceback(cause)
        remedy = remedy_for(cause) if cause is not None else ""
        whole = ("The model could not be loaded.", *lines, *([f"Remedy: {remedy}."] if remedy else ()))
        worker.spec.write_line("stderr", pack_record(whole, {}))


def _kind_of(spec: WorkerSpec) -> type[Worker]:
    if not spec.service.asynchronous or spec.ranks:
        return Worker
    from handler.workers.asynchronous.worker import AsyncWorker  # most servers do without

    return AsyncWorker
