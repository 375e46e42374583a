"""A worker: the one thread that loads a service, serves with it, and ends with it."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from threading import Event, Thread
from typing import Any

from handler.batcher import Batch, Batcher, Taker
from handler.continuous import ContinuousService
from handler.device import Device
from handler.errors import LoadFailed, WorkerDied
from handler.exits import WorkerExit
from handler.job import Answers, Outcome, Piece
from handler.metrics import Metrics, ModelMetrics
from handler.service import Blueprint, Service
from handler.surroundings import Surroundings
from handler.thread_governor import ThreadGovernor


@dataclass(frozen=True, slots=True)
class Post:
    """A worker's place: what it is called, where it runs, and whom it tells."""

    number: int
    """The worker id that describe shows; TorchServe counts them up from `initial_worker_port`."""
    label: str
    """The name in logs and metrics: "W-9000-ver_1.0"."""
    device: Device
    threads: int
    """Cores this worker may use."""
    say: Callable[[str, str], None]
    """Takes each line ("stdout" or "stderr", text) that the handler writes."""
    deliver: Callable[[Answers], None]
    """Takes outcomes, from any thread."""
    ended: Callable[["Worker"], None]
    """Told once, on some thread, when the worker ended unasked: its load failed, or its handler took it down."""
    elsewhere: Callable[[Callable[[], Any]], Any] | None = None
    """Calls a function on the one thread that the device bears (MPS); None: the worker's own thread will do."""


class Worker(Taker):
    """Owns one service for the life of one thread.

    It ends when told to `leave` (the batch in hand is finished first), when its handler raises what is no `Exception`
    or exits, or when it is abandoned: nobody can kill a hanging thread, so its jobs are answered for it, and whatever
    it still returns is dropped.
    """

    def __init__(
        self, blueprint: Blueprint, batcher: Batcher, post: Post, metrics: ModelMetrics, host: Metrics
    ) -> None:
        self.post = post
        self.started = time.time()
        self.loading_since = time.monotonic()
        self.loaded: Future[None] = Future()
        """Resolves when the service is loaded; fails with LoadFailed."""
        self.batch: Batch | None = None
        self.abandoned = False
        self._blueprint = blueprint
        self._batcher = batcher
        self._metrics = metrics
        self._host = host
        self._over = False
        self._service: Service | None = None
        self._governor = ThreadGovernor(post.threads)
        self._told = Event()
        self._thread = Thread(target=self._run, name=post.label, daemon=True)
        self._surroundings = Surroundings(
            blueprint.folder, post.label, post.say, packages=blueprint.packages, environment=blueprint.environment
        )
        self._surroundings.on_exit = lambda status: self._die(WorkerExit(status))

    def __repr__(self) -> str:
        return f"<Worker {self.post.label} {self.state} on {self.post.device.torch_name}>"

    @property
    def state(self) -> str:
        """One of "loading", "ready", "leaving" and "ended"."""
        if self._over:
            return "ended"
        if self.leaving:
            return "leaving"
        return "ready" if self.loaded.done() else "loading"

    def start(self, delay: float = 0.0) -> None:
        """Start the thread, which rests `delay` seconds before it loads."""
        self.loading_since += delay
        self._delay = delay
        self._thread.start()

    def leave(self) -> None:
        """End after the batch in hand, if any."""
        self.leaving = True
        self._told.set()
        self._batcher.wake()

    def abandon(self, reason: str) -> None:
        """Give up a worker that hangs; its jobs are answered with WorkerDied, its thread may go on alone."""
        self.abandoned = True
        self.post.say("stderr", f"The worker is abandoned: {reason}. Its thread cannot be killed and may go on alone.")
        self._die(TimeoutError(reason))
        self._surroundings.close()

    def join(self, seconds: float) -> bool:
        """Wait for the thread to end; false if it did not."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            if not self._told.wait(self._delay):
                self._settle_in()
                self._serve(self._load())
        except BaseException as error:  # archive code raises anything, SystemExit and KeyboardInterrupt included
            self._die(error)
        finally:
            self._over = True
            self._close_service()
            self._fail_load(InterruptedError("it was told to leave before it had loaded"))
            self._surroundings.close()

    def _load(self) -> Service:
        self.loading_since = began = time.monotonic()
        service: Service = self._call(self._load_service)
        self._service = service
        milliseconds = (time.monotonic() - began) * 1000
        self._host.worker_loaded(self.post.label, milliseconds)
        self._host.worker_turn(milliseconds)
        self._governor.settle()
        self.post.say("stdout", "Torch worker started.")
        if not self.loaded.done():
            self.loaded.set_result(None)
        return service

    def _load_service(self) -> Service:
        kind = ContinuousService if self._blueprint.continuous else Service
        return kind.load(self._blueprint, self._surroundings, self.post.device, self._governor.settle)

    def _serve(self, service: Service) -> None:
        serve = self._serve_on if self._blueprint.continuous else self._serve_once
        while batch := self._batcher.take(self):
            self.batch = batch
            serve(service, batch)
            self.batch = None

    def _serve_once(self, service: Service, batch: Batch) -> None:
        outcomes = self._predict(service, batch)
        if self._batcher.finish(batch):
            self.post.deliver(list(zip(batch.jobs, outcomes, strict=True)))

    def _serve_on(self, service: Service, batch: Batch) -> None:
        """Call the handler until all jobs are done; others come in the places of those that are."""
        while jobs := batch.jobs:
            outcomes = self._predict(service, batch)
            going = [job for job, outcome in zip(jobs, outcomes, strict=True) if isinstance(outcome, Piece)]
            if not self._batcher.renew(batch, going, self):
                return
            self.post.deliver(list(zip(jobs, outcomes, strict=True)))

    def _predict(self, service: Service, batch: Batch) -> list[Outcome]:
        began = time.monotonic()
        self._governor.adapt(company=self._batcher.usual > 1)
        outcomes: list[Outcome] = self._call(partial(service.predict, batch.jobs, self._deliver_piece))
        self._host.worker_turn((time.monotonic() - began) * 1000)
        self._metrics.batch(len(batch.jobs))
        return outcomes

    def _settle_in(self) -> None:
        self._surroundings.enter()
        self._governor.settle()

    def _call(self, function: Callable[[], Any]) -> Any:
        if self.post.elsewhere is None:
            return function()

        def settled() -> Any:
            self._settle_in()
            return function()

        return self.post.elsewhere(settled)

    def _deliver_piece(self, answers: Answers) -> None:
        if self.batch is not None:
            self.batch.progress = time.monotonic()  # response_timeout applies to each piece
        self.post.deliver(answers)

    def _close_service(self) -> None:
        if self._service is not None:
            self._service.close()

    def _die(self, error: BaseException) -> None:
        """Answer the batch in hand, then tell the pool; harmless when it comes again from another thread."""
        unasked = not self._over and not self.leaving
        self.leaving = True
        self._over = True
        batch = self.batch
        if batch is not None and self._batcher.finish(batch):
            died = WorkerDied(getattr(error, "status", 1))
            self.post.deliver([(job, died) for job in batch.jobs])
        self._fail_load(error)
        self._batcher.wake()
        if unasked:
            self.post.ended(self)

    def _fail_load(self, error: BaseException) -> None:
        if not self.loaded.done():
            self.loaded.set_exception(LoadFailed(self.post.label, error))
