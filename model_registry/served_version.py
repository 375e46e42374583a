"""The base of a served version of any kind: a queue, workers that are replaced, and an end without losses."""

import asyncio
import logging
import os
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from time import monotonic

from handler.batching.autotuner import Decision
from handler.batching.batcher import Batcher
from handler.batching.loop_pacing import LoopPacer, no_pacing, pacing_autotuner
from handler.errors import PredictionFailed, WorkerDied
from handler.job import Job, JobOutcomes
from handler.metrics.model_metrics import ModelMetrics
from handler.workers.pool import WorkerPool
from handler.workers.spec import WorkerSpec
from handler.workers.worker import Worker
from model_registry.config import ModelConfig
from model_registry.tasks.loop_watch import LoopWatch

MIN_STOP_SECONDS = 0.5  # that workers get to end, however long the draining has taken
MIN_CHECK_SECONDS = 0.01  # between two searches for hanging workers
RETRY_SECONDS = 0.1  # until a search for hanging workers, or a delivery, is tried again
ANSWER_RETRIES = 10
LOG = logging.getLogger("marserve.version")


class ServedVersion:
    """A version of a model on the running event loop. Kinds of models add what a request is, and how it is answered.

    `new_worker_spec` makes the specification of one of its workers from its index. With `is_paced` the event loop may
    wait for quick batches.
    """

    def __init__(
        self, name: str, version: str, config: ModelConfig, batcher: Batcher,
        new_worker_spec: Callable[[int], WorkerSpec], metrics: ModelMetrics, *, is_paced: bool,
        watch: LoopWatch | None = None,
    ) -> None:  # fmt: skip
        self.name, self.version = name, version
        self.config = config
        self.batcher = batcher
        self.metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._pacer = LoopPacer(
            self._loop, batcher, self._deliver, pacing_autotuner(self._log_pacing) if is_paced else no_pacing()
        )
        self.pool = WorkerPool(
            new_worker_spec, batcher, metrics, self._pacer.receive,
            on_end=lambda worker: self._loop.call_soon_threadsafe(self._replace_worker, worker),
            call_later=self._loop.call_later, retry_seconds=config.max_retry_timeout,
        )  # fmt: skip
        self._watch = watch or LoopWatch()
        self.is_watched = False
        self._was_scaled = False
        self._hang_timer: asyncio.Handle | None = None
        self._drained: asyncio.Future[None] | None = None
        metrics.watch(batcher.__len__, lambda: self.pool.ready_count, lambda: self.pool.abandoned_count)
        metrics.series.watch_controllers(
            lambda: self.batch_threads, lambda: batcher.expected_in_flight, lambda: batcher.is_gathering,
            lambda: self.is_pacing, lambda: self.process_count,
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} {self.version} {self.batcher} {self.pool}>"

    @property
    def is_healthy(self) -> bool:
        """Whether at least `min_workers` workers serve, load, or may be tried again, once they were asked for."""
        return not self._was_scaled or self.pool.alive_count >= self.config.min_workers

    @property
    def is_ready(self) -> bool:
        """Whether a request would be served now."""
        return self.pool.ready_count > 0

    @property
    def batch_threads(self) -> int:
        """The threads that compute a batch, in the worker that has most; 0 without workers."""
        return max((worker.threads for worker in self.pool.workers), default=0)

    @property
    def process_count(self) -> int:
        """The number of workers in processes of their own."""
        return sum(worker.pid != os.getpid() for worker in self.pool.workers)

    @property
    def is_pacing(self) -> bool:
        """Whether the event loop waits for its batches."""
        return self._pacer.is_pacing

    @property
    def is_busy(self) -> bool:
        """Whether requests are open, or workers load."""
        return not self.batcher.is_idle or any(
            worker.state in ("loading", "stopping") or worker.batch is not None for worker in self.current_workers
        )

    @property
    def is_loading(self) -> bool:
        """Whether workers load."""
        return any(worker.state == "loading" for worker in self.pool.workers)

    @property
    def current_workers(self) -> Sequence[Worker]:
        """Its workers, those included that are to end."""
        return (*self.pool.workers, *self.pool.stopping_workers)

    @property
    def response_timeout(self) -> float:
        """The time that a batch may take, in seconds."""
        return self.config.response_timeout

    @property
    def startup_timeout(self) -> float:
        """The time that the load of a worker may take, in seconds."""
        return self.config.startup_timeout

    async def scale(self, min_workers: int, max_workers: int) -> None:
        """Scale as `start_scaling` does; returns when new workers are loaded, raises LoadFailed of one that is not."""
        loading = self.start_scaling(min_workers, max_workers)
        await asyncio.gather(*(asyncio.wrap_future(worker.loaded) for worker in loading))

    def start_scaling(self, min_workers: int, max_workers: int) -> list[Worker]:
        """Stop workers above the maximum, and start those below the minimum without waiting; returns the new ones.

        A minimum of 0 stops all workers, whatever the maximum, as in TorchServe.
        """
        self._was_scaled = True
        is_same = (min_workers, max_workers) == (self.config.min_workers, self.config.max_workers)
        self.config = replace(
            self.config, min_workers=min_workers, max_workers=max_workers,
            workers_are_default=self.config.workers_are_default and is_same,
        )  # fmt: skip
        self._watch.add(self, starts_workers=True)
        size = min(max(len(self.pool.workers), min_workers), max_workers) if min_workers else 0
        loading = self.pool.scale(size)
        self._check_hung(loading)
        self._refuse_unserved()
        return loading

    async def drain(self, seconds: float) -> bool:
        """Accept no more requests and answer the accepted ones; false if some were still open after `seconds`."""
        self.batcher.close()
        if not self._is_idle and self.pool.alive_count:
            self._drained = self._loop.create_future()
            await asyncio.wait({self._drained}, timeout=seconds)
        return self._is_idle

    async def close(self, seconds: float) -> None:
        """Drain and end the workers, both together within `seconds`."""
        deadline = monotonic() + seconds
        await self.drain(seconds)
        self._deliver([(job, WorkerDied()) for job in self.batcher.pop_all()])
        if self._hang_timer is not None:
            self._hang_timer.cancel()
        stopping, remaining = self.pool.stop(), max(MIN_STOP_SECONDS, deadline - monotonic())
        joining = (asyncio.to_thread(worker.join_or_abandon, remaining) for worker in stopping)
        for worker, failed in zip(stopping, await asyncio.gather(*joining, return_exceptions=True), strict=True):
            if failed:  # no thread can start that would wait for it
                worker.join_or_abandon(0)
        self.metrics.close()

    @property
    def _is_idle(self) -> bool:
        """Whether all accepted requests are answered."""
        return self.batcher.is_idle

    @abstractmethod
    def _refusal(self, job: Job) -> Exception:
        """The error, already counted, of an accepted job for which there are no workers any more."""

    def _record(self, outcomes: JobOutcomes) -> None:
        """Count outcomes before they are passed on."""

    def _start_job(self, job: Job) -> None:
        """Queue a job; raises QueueFull or BatcherClosed."""
        if not self.is_watched:
            self._watch.add(self)
        self._pacer.submit(job)
        if self._hang_timer is None:  # soon, not now: it delivers outcomes, for which the caller is not ready yet
            self._hang_timer = self._loop.call_soon(self._on_hang_timer)

    def _deliver(self, outcomes: JobOutcomes) -> None:
        try:
            self._record(outcomes)
        except Exception:
            LOG.exception("%s %s: a batch is not counted.", self.name, self.version)
        for job, outcome in outcomes:
            try:
                if job.reply is not None:  # else it is answered already
                    job.reply.deliver(outcome)
            except Exception as error:
                self._answer_later(job, error)
        if self._drained is not None:
            self._check_drained()

    def _answer_later(self, job: Job, error: Exception, retries: int = ANSWER_RETRIES) -> None:
        """Answer a job with an error, as its outcome could not be delivered; no other job of its batch is concerned."""
        LOG.error("%s %s: request %s is not answered.", self.name, self.version, job.request_id, exc_info=error)

        def retry() -> None:
            try:
                if job.reply is not None:
                    job.reply.deliver(PredictionFailed())
            except Exception as error:
                if retries:
                    self._answer_later(job, error, retries - 1)

        self._loop.call_later(RETRY_SECONDS, retry)

    def _log_pacing(self, decision: Decision) -> None:
        state = "waits" if decision.after else "no longer waits"
        LOG.info("%s %s: the event loop %s for its batches: %s.", self.name, self.version, state, decision.reason)

    def _check_drained(self) -> None:
        if self._drained is not None and not self._drained.done() and self._is_idle:
            self._drained.set_result(None)

    def _replace_worker(self, worker: Worker) -> None:
        self._watch.add(self, starts_workers=True)
        try:
            self.pool.replace_worker(worker)
        finally:
            self._check_hung()
            self._refuse_unserved()

    def _refuse_unserved(self) -> None:
        """Answer the jobs that wait for workers that will not come; TorchServe lets such requests hang for ever."""
        if not self.pool.workers:
            self._pacer.receive([(job, self._refusal(job)) for job in self.batcher.pop_all()])

    def _check_hung(self, just_started: Sequence[Worker] = ()) -> None:
        """Give up hanging workers, and check again when the next may be due; no timer runs while none is busy."""
        if self._hang_timer is not None:
            self._hang_timer.cancel()
        timeout = self.config.response_timeout
        try:
            self._pacer.recover()
            remaining = self.pool.abandon_hung(timeout, self.config.startup_timeout, just_started)
        except Exception:
            LOG.exception("%s %s: workers are not checked; it will be tried again.", self.name, self.version)
            remaining = RETRY_SECONDS
        if remaining is None and self.batcher.is_idle:
            self._hang_timer = None
        else:  # a batch taken meanwhile is not due before a whole timeout has passed
            self._check_hung_after(min(timeout, remaining or timeout))

    def _check_hung_after(self, seconds: float) -> None:
        self._hang_timer = self._loop.call_later(max(MIN_CHECK_SECONDS, seconds), self._on_hang_timer)

    def _on_hang_timer(self) -> None:
        self._hang_timer = None
        try:
            self._check_hung()
        finally:
            if self._hang_timer is None and not self._is_idle:  # the check has failed
                self._check_hung_after(RETRY_SECONDS)
