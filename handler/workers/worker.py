"""A worker: the one thread that loads a service, serves with it, and ends with it."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from signal import Signals
from threading import Event, Thread
from typing import Protocol

from handler.batching.batcher import Batch, Batcher, Consumer
from handler.devices.device import Device
from handler.errors import LoadFailed, WorkerDied
from handler.isolation.process.exit_trap import WorkerExit
from handler.job import Job, JobOutcomes, Outcome, StreamChunk
from handler.metrics.server_metrics import ModelMetrics
from handler.workers.service import Deliver, ServiceSpec

SIGNALLED = 128
"""What shells add to the number of the signal that killed a process."""


class WorkerService(Protocol):
    """A service as its worker sees it, wherever it runs. All but `kill` are called on the worker's thread."""

    @property
    def pid(self) -> int:
        """The process that it runs in."""

    def load(self) -> None:
        """Import and initialize the handler; raises whatever it raises."""

    def predict(self, jobs: Sequence[Job], deliver: Deliver, *, concurrent: bool) -> list[Outcome]:
        """What each job has come to, while other requests are usually in flight or not; raises what ends the worker."""

    def kill(self) -> bool:
        """End it where it hangs; false where nobody can."""

    def close(self) -> None:
        """End it."""


@dataclass(frozen=True, slots=True)
class Post:
    """A worker's place: what it is called, where it runs, and whom it tells."""

    number: int
    """The worker id that describe shows; TorchServe counts them up from `initial_worker_port`."""
    label: str
    """The name in logs and metrics: "W-9000-ver_1.0"."""
    device: Device
    service: Callable[[ServiceSpec, Callable[[int], None]], WorkerService]
    """Makes its service, which tells the function the status with which the handler ended it, outside of a call."""
    say: Callable[[str, str], None]
    """Takes each line ("stdout" or "stderr", text) that the handler writes."""
    deliver: Callable[[JobOutcomes], None]
    """Takes outcomes, from any thread."""
    ended: Callable[["Worker"], None]
    """Told once, on some thread, when the worker ended unasked: its load failed, or its handler took it down."""


class Worker(Consumer):
    """Owns one service for the life of one thread.

    It ends when told to `stop` (the batch in hand is finished first), when its handler raises what is no `Exception`
    or exits, or when it hangs: its jobs are answered for it, and its service is killed. Where nobody can do that, since
    it is a thread, the worker is abandoned: whatever it still returns is dropped.
    """

    def __init__(self, blueprint: ServiceSpec, batcher: Batcher, post: Post, metrics: ModelMetrics) -> None:
        self.post = post
        self.started_at = time.time()
        self.loading_since = time.monotonic()
        self.loaded: Future[None] = Future()
        """Resolves when the service is loaded; fails with LoadFailed."""
        self.batch: Batch | None = None
        self.abandoned = False
        self._blueprint = blueprint
        self._batcher = batcher
        self._metrics = metrics
        self._over = False
        self._told = Event()
        self._thread = Thread(target=self._run, name=post.label, daemon=True)
        self._service = post.service(blueprint, lambda status: self._die(WorkerExit(status)))

    def __repr__(self) -> str:
        return f"<Worker {self.post.label} {self.state} on {self.post.device.torch_name}>"

    @property
    def state(self) -> str:
        """One of "loading", "ready", "stopping" and "ended"."""
        if self._over:
            return "ended"
        if self.stopping:
            return "stopping"
        return "ready" if self.loaded.done() else "loading"

    @property
    def pid(self) -> int:
        """The process that its service runs in."""
        return self._service.pid

    def start(self, delay: float = 0.0) -> None:
        """Start the thread, which rests `delay` seconds before it loads."""
        self.loading_since += delay
        self._delay = delay
        self._thread.start()

    def stop(self) -> None:
        """End after the batch in hand, if any."""
        self.stopping = True
        self._told.set()
        self._batcher.wake_workers()

    def abandon(self, reason: str) -> None:
        """Give up a worker that hangs: its jobs are answered with WorkerDied, its service is killed if that can be."""
        self._die(TimeoutError(reason))
        self.abandoned = not self._service.kill()
        fate = "abandoned: its thread cannot be killed and may go on alone" if self.abandoned else "killed"
        self.post.say("stderr", f"The worker is {fate}; {reason}.")

    def join(self, seconds: float) -> bool:
        """Wait for the thread to end; false if it did not."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def end(self, seconds: float) -> None:
        """Wait for the thread to end, and give it up if it does not."""
        if not self.join(seconds):
            self.abandon(f"it did not end within {seconds:.1f} s")
            self.join(0 if self.abandoned else seconds)

    def _run(self) -> None:
        try:
            if not self._told.wait(self._delay):
                self._load()
                self._serve()
        except BaseException as error:  # archive code raises anything, SystemExit and KeyboardInterrupt included
            self._die(error)
        finally:
            self._over = True
            self._service.close()
            self._fail_load(InterruptedError("it was told to leave before it had loaded"))

    def _load(self) -> None:
        self.loading_since = began = time.monotonic()
        with self._blueprint.files:
            self._service.load()
        milliseconds = (time.monotonic() - began) * 1000
        self._metrics.record_load(self.post.label, milliseconds)
        self.post.say("stdout", "Torch worker started.")
        if not self.loaded.done():
            self.loaded.set_result(None)

    def _serve(self) -> None:
        serve = self._serve_on if self._blueprint.continuous else self._serve_once
        while batch := self._batcher.take(self):
            self.batch = batch
            serve(batch)
            self.batch = batch = None  # or it would be kept for as long as no other comes

    def _serve_once(self, batch: Batch) -> None:
        outcomes = self._predict(batch)
        if self._batcher.finish(batch):
            self.post.deliver(list(zip(batch.jobs, outcomes, strict=True)))

    def _serve_on(self, batch: Batch) -> None:
        """Call the handler until all jobs are done; others come in the places of those that are."""
        while jobs := batch.jobs:
            outcomes = self._predict(batch)
            going = [job for job, outcome in zip(jobs, outcomes, strict=True) if isinstance(outcome, StreamChunk)]
            for job in going:
                job.continued = True
            if not self._batcher.continue_batch(batch, going, self):
                return
            self.post.deliver(list(zip(jobs, outcomes, strict=True)))

    def _predict(self, batch: Batch) -> list[Outcome]:
        began = time.monotonic()
        outcomes = self._service.predict(
            batch.jobs, self._deliver_piece, concurrent=self._batcher.expected_in_flight > 1
        )
        self._metrics.record_batch(len(batch.jobs), (time.monotonic() - began) * 1000)
        return outcomes

    def _deliver_piece(self, answers: JobOutcomes) -> None:
        if self.batch is not None:
            self.batch.progressed_at = time.monotonic()  # response_timeout applies to each piece
        self.post.deliver(answers)

    def _die(self, error: BaseException) -> None:
        """Answer the batch in hand, then tell the pool; harmless when it comes again from another thread."""
        unasked = not self._over and not self.stopping
        self.stopping = True
        self._over = True
        batch = self.batch
        if batch is not None and self._batcher.finish(batch):
            died = WorkerDied(getattr(error, "status", 1))
            self.post.deliver([(job, died) for job in batch.jobs])
        if unasked and self.loaded.done() and not isinstance(error, TimeoutError):
            self.post.say("stderr", f"The worker has ended: {_in_words(error)}.")
        self._fail_load(error)
        self._batcher.wake_workers()
        if unasked:
            self.post.ended(self)

    def _fail_load(self, error: BaseException) -> None:
        if not self.loaded.done():
            self.loaded.set_exception(LoadFailed(self.post.label, error))


def _in_words(error: BaseException) -> str:
    """What a worker has ended of; statuses are as shells tell them."""
    status = getattr(error, "status", None)
    if isinstance(status, int) and status > SIGNALLED:
        with suppress(ValueError):
            return f"killed by {Signals(status - SIGNALLED).name}"
    if isinstance(error, SystemExit):
        return f"its handler exited with status {error.code if status is None else status}"
    return f"its handler raised {type(error).__name__}"
