"""A worker: the one thread that loads a service, serves with it, and ends with it."""

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from operator import attrgetter
from threading import Thread
from typing import Any, Literal, Protocol

from handler.batching.batcher import Batch, Batcher, Consumer
from handler.batching.thread_governor import Tuning
from handler.errors import ClientsDisconnected, LoadFailed, WorkerDied
from handler.isolation.process.exit_trap import WorkerExit
from handler.job import Deliver, Job, JobOutcomes, Output, StreamChunk, record_times
from handler.job_times import HandlerTimes
from handler.metrics.model_metrics import ModelMetrics
from handler.stream_window import StreamWindow
from handler.workers.movable_service import MovableService
from handler.workers.process.process_service import ProcessService
from handler.workers.spec import WorkerSpec
from handler.workers.thread_service import ThreadService
from handler.workers.traces import cause_of

LOG = logging.getLogger("marserve.worker")
RETRY_SECONDS = 0.1
"""The wait between attempts to deliver outcomes; only a lack of memory makes one fail."""
READER_WAIT_SECONDS = 1.0
State = Literal["loading", "ready", "stopping", "ended"]


class WorkerService(Protocol):
    """A service as its worker sees it, wherever it runs. All but `kill` are called on the worker's thread."""

    @property
    def pid(self) -> int:
        """The process that it runs in."""

    @property
    def last_times(self) -> HandlerTimes | None:
        """The times of the last batch, as far as its kind measures them."""

    @property
    def tuning(self) -> Tuning:
        """The threads of a batch, and the last decision about them."""

    def load(self) -> None:
        """Import and initialize the handler; raises whatever it raises."""

    def predict(self, jobs: Sequence[Job], deliver: Deliver, *, concurrent: bool) -> Sequence[Any]:
        """The outcome of each job, while several requests are usually in flight or not; raises what ends the worker."""

    def kill(self) -> bool:
        """Kill it where it hangs; false where that is impossible."""

    def close(self) -> None:
        """Stop it."""


class Worker(Consumer):
    """Owns one service for the life of one thread.

    It ends when it is stopped (the batch in hand is finished first), when its handler exits or raises what is no
    `Exception`, or when it hangs: then its jobs are answered in its place, and its service is killed. A hanging thread
    cannot be killed: its worker is abandoned, and whatever it still returns is dropped.

    `on_end` is called once, on some thread, when the worker has ended unasked. A worker with a `delay` (seconds) is to
    be started that much later.
    """

    def __init__(
        self, spec: WorkerSpec, batcher: Batcher, metrics: ModelMetrics, deliver: Deliver,
        on_end: Callable[["Worker"], object], delay: float = 0.0,
    ) -> None:  # fmt: skip
        self.spec = spec
        self.started_at = time.time()
        self.loading_since = time.monotonic() + delay
        self.loaded: Future[None] = Future()
        """Resolves when the service is loaded; fails with LoadFailed."""
        self.abandoned = self.has_served = False
        self._batcher = batcher
        self._metrics = metrics
        self._deliver = deliver
        self._on_end = on_end
        self._ended = False
        self._undelivered: JobOutcomes = ()
        self._death = WorkerDied()
        """The outcome of the jobs that it cannot serve any more."""
        self._thread = Thread(target=self._run, name=spec.label, daemon=True)
        self._service: WorkerService = self._new_service(spec)

    def __repr__(self) -> str:
        return f"<Worker {self.spec.label} {self.state} on {self.spec.device.torch_name}>"

    @property
    def state(self) -> State:
        """Where it is in its life."""
        if self._ended:
            return "ended"
        if self.stopping:
            return "stopping"
        return "ready" if self.loaded.done() else "loading"

    @property
    def pid(self) -> int:
        """The process that its service runs in."""
        return self._service.pid

    @property
    def thread_ids(self) -> tuple[int, int] | None:
        """The interpreter's and the system's identifier of its thread, once that runs."""
        identifier, native = self._thread.ident, self._thread.native_id
        return None if identifier is None or native is None else (identifier, native)

    @property
    def threads(self) -> int:
        """The number of threads that compute a batch now."""
        return self._service.tuning[0]

    def start(self) -> None:
        """Start the thread, unless the worker was stopped before; a thread that cannot start is a failed load."""
        if self.stopping:
            return
        try:
            self._thread.start()
        except (RuntimeError, MemoryError) as error:
            self._fail(error)

    def stop(self) -> None:
        """End after the batch in hand, if any."""
        self.stopping = True
        if self._thread.ident is None:
            self._end_thread()
        self._batcher.wake_workers()

    def abandon(self, reason: str) -> None:
        """Give up a worker that hangs: its jobs are answered with WorkerDied, its service is killed if possible."""
        self._fail(TimeoutError(reason))
        self.abandoned = not self._service.kill()
        fate = "abandoned: its thread cannot be killed and may go on alone" if self.abandoned else "killed"
        self.spec.write_line("stderr", f"The worker is {fate}; {reason}.")

    def join(self, seconds: float) -> bool:
        """Wait for the thread to end with all its jobs answered; false if it did not."""
        if self._thread.ident is not None:
            self._thread.join(seconds)
        return not self._thread.is_alive() and not self._undelivered and self.batch is None

    def join_or_abandon(self, seconds: float) -> None:
        """Wait for the thread to end, and abandon the worker if it does not."""
        if not self.join(seconds):
            self.abandon(f"it did not end within {seconds:.1f} s")
            self.join(0 if self.abandoned else seconds)

    def remaining_seconds(self, response_timeout: float, startup_timeout: float) -> float | None:
        """The time that a busy or loading worker still has; None for an idle or ended one."""
        now = time.monotonic()
        if self._ended:
            try:
                self._answer_all()
            except Exception:
                return RETRY_SECONDS
            return None
        if not self.loaded.done():
            return self.loading_since + startup_timeout - now
        batch = self.batch
        return None if batch is None else batch.progressed_at + response_timeout - now

    def _run(self) -> None:
        try:
            self._load()
            while batch := self._batcher.take(self):
                self._serve(batch)
                self.batch = batch = None  # or it would be kept until the next one comes
            self._finish_all()
        except BaseException as error:  # archive code raises anything, SystemExit and KeyboardInterrupt included
            self._fail(error)
        finally:
            try:
                self._service.close()
            finally:
                self._end_thread()

    def _load(self) -> None:
        self.loading_since = started_at = time.monotonic()
        with self.spec.service.files:
            self._service.load()
        self._metrics.record_load(self.spec.label, (time.monotonic() - started_at) * 1000)
        self.spec.write_line("stdout", "Torch worker started.")
        if not self.loaded.done():
            self.loaded.set_result(None)

    def _new_service(self, spec: WorkerSpec) -> Any:
        fail: Callable[[int], None] = lambda status: self._fail(WorkerExit(status))  # noqa: E731
        if spec.ranks:
            from handler.workers.process.group_service import GroupService  # most servers do without

            return GroupService(spec, fail)
        if spec.in_process:
            return ProcessService(spec, fail)
        return ThreadService(spec, fail) if spec.policy is None else MovableService(spec, spec.policy, fail)

    def _serve(self, batch: Batch) -> None:
        (self._serve_continuously if self.spec.service.continuous else self._serve_once)(batch)

    def _finish_all(self) -> None:
        """Answer what is in hand when the worker stops: nothing, since a batch is served at a time."""

    def _serve_once(self, batch: Batch) -> None:
        self._undelivered = list(zip(batch.jobs, self._predict(batch), strict=True))
        if self._batcher.finish(batch):
            self._deliver(self._undelivered)
        self._undelivered = ()

    def _serve_continuously(self, batch: Batch) -> None:
        """Call the handler until all jobs are done; others take the places of those that are."""
        while batch.jobs:
            self._undelivered = list(zip(batch.jobs, self._predict(batch), strict=True))
            unfinished = [job for job, outcome in self._undelivered if isinstance(outcome, StreamChunk)]
            for job in unfinished:
                job.continued = True
            if not self._batcher.continue_batch(batch, unfinished, self):
                break
            self._deliver(self._undelivered)
            self._undelivered = ()
        self._undelivered = ()

    def _predict(self, batch: Batch) -> Sequence[Any]:
        started_at, concurrent = time.monotonic(), self._batcher.expected_in_flight > 1
        outcomes = self._service.predict(batch.jobs, self._deliver_chunk, concurrent=concurrent)
        ended_at, self.has_served = time.monotonic(), True
        self._metrics.record_batch(len(batch.jobs), (ended_at - started_at) * 1000)
        if any(map(attrgetter("times"), batch.jobs)):
            record_times(batch.jobs, self.spec.label, self._service.last_times, started_at, ended_at)
        return outcomes

    def _deliver_chunk(self, outcomes: JobOutcomes) -> None:
        if self.batch is not None:
            self.batch.progressed_at = time.monotonic()  # response_timeout applies to each chunk
        read = [(job, outcome) for job, outcome in outcomes if self._wait_for_reader(job, outcome)]
        if read:
            self._deliver(read)

    def _wait_for_reader(self, job: Job, outcome: Any) -> bool:
        """Block while the client leaves too many chunks unread; false if it reads no more.

        Raises ClientsDisconnected where no client of the batch does; a handler in a process goes on unread.
        """
        if not isinstance(outcome, StreamChunk) or not isinstance(outcome.output, Output):
            return True
        window, batch = job.window or StreamWindow(), self.batch
        job.window = window
        while not window.wait(READER_WAIT_SECONDS):
            if batch is not None:
                batch.progressed_at = time.monotonic()
        if not window.is_closed:
            window.add(len(outcome.output.body))
        elif not self.spec.in_process and batch is not None and all(each.cancelled for each in batch.jobs):
            raise ClientsDisconnected("All clients of the batch have disconnected.")
        return not window.is_closed

    def _answer_all(self) -> None:
        """Deliver all outcomes that this worker owes; may be repeated where that fails."""
        if self._undelivered:
            self._deliver(self._undelivered)
            self._undelivered = ()
        batch = self.batch
        if batch is not None:
            self._undelivered = [(job, self._death) for job in batch.jobs]  # first: the claim may fail when it is made
            if self._batcher.finish(batch):
                self._deliver(self._undelivered)
            self._undelivered = ()
        self.batch = None

    def _fail(self, error: BaseException) -> None:
        """Answer the batch in hand, then report the end; may be called again, by any thread."""
        is_first = not self._ended and not self.stopping
        is_reported = is_first and self.loaded.done() and not isinstance(error, TimeoutError)
        self.stopping = self._ended = True
        try:
            self._death = WorkerDied(getattr(error, "status", 1))
            self._answer_all()
        except Exception:
            LOG.exception("%s could not answer its batch; it will be tried again.", self.spec.label)
        finally:
            self._fail_load(error)
            if is_first:
                self._on_end(self)
            self._batcher.wake_workers()
            if is_reported:
                self.spec.write_line("stderr", f"The worker has ended: {cause_of(error)}.")

    def _end_thread(self) -> None:
        self._ended = True
        self._fail_load(InterruptedError("it was stopped before it had loaded"))

    def _fail_load(self, error: BaseException) -> None:
        if not self.loaded.done():
            self.loaded.set_exception(LoadFailed(self.spec.label, error))
