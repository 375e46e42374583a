"""One archive being served: predict, scale, replace workers, close."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from time import monotonic

from handler.batching.batcher import Batcher
from handler.batching.loop_pacing import LoopPacer, no_pacing, pacing_autotuner
from handler.errors import BatcherClosed, HandlerError, QueueFull, WorkerDied
from handler.job import Input, Job, JobOutcomes, Outcome, Output
from handler.metrics.server_metrics import ModelMetrics
from handler.workers.pool import WorkerPool
from handler.workers.spec import WorkerSpec
from handler.workers.worker import Worker
from model_registry.archive.archive import Archive
from model_registry.client_timeout import ClientTimeout
from model_registry.config import ModelConfig
from model_registry.errors import NoWorker
from model_registry.reply import PendingReply, ResponseStream
from model_registry.sequence_routing import SequenceRouter

MIN_STOP_SECONDS = 0.5  # that workers get to end, however long the draining has taken
MIN_CHECK_SECONDS = 0.01  # between two searches for hanging workers


class ModelVersion:
    """Serves one version of a model on the running event loop, from its registration until it is closed.

    `new_worker_spec` makes the specification of one of its workers from its index. A stateful model has a `router`.
    """

    def __init__(
        self, archive: Archive, config: ModelConfig, new_worker_spec: Callable[["ModelVersion", int], WorkerSpec],
        metrics: ModelMetrics, router: SequenceRouter | None = None,
    ) -> None:  # fmt: skip
        self.name, self.version = str(archive.manifest.model_name), archive.manifest.version
        self.archive = archive
        self.config = config
        self.metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._router = router
        self.batcher = router.batcher if router else Batcher(
            config.batch_size, config.max_batch_delay / 1000, config.job_queue_size, tickets=config.use_job_ticket,
            adaptive=config.adaptive_batching,
        )  # fmt: skip
        # A batch of a stateful or continuous model is not over when its outcomes are there.
        is_paced = config.loop_pacing and not config.stateful and not config.continuous_batching
        autotuner = pacing_autotuner() if is_paced else no_pacing()
        self._pacer = LoopPacer(self._loop, self.batcher, self._deliver, autotuner)
        self.pool = WorkerPool(
            lambda index: new_worker_spec(self, index), self.batcher, metrics, self._pacer.receive,
            on_end=lambda worker: self._loop.call_soon_threadsafe(self._replace_worker, worker),
            call_later=self._loop.call_later, retry_seconds=config.max_retry_timeout,
        )  # fmt: skip
        self._was_scaled = False
        self._hang_timer: asyncio.TimerHandle | None = None
        self._drained: asyncio.Future[None] | None = None
        metrics.watch(self.batcher.__len__, lambda: self.pool.ready_count, lambda: self.pool.abandoned_count)

    def __repr__(self) -> str:
        return f"<ModelVersion {self.name} {self.version} {self.batcher} {self.pool}>"

    @property
    def is_healthy(self) -> bool:
        """Whether at least `min_workers` workers serve, load, or may be tried again, once they were asked for."""
        return not self._was_scaled or self.pool.alive_count >= self.config.min_workers

    async def predict(
        self, request: Input, request_id: str, label: str = "default", *, exclusive: bool = False
    ) -> Output | ResponseStream:
        """The handler's answer to one request.

        `label` is the version as the client named it. Raises NoWorker when the request is refused, and any
        HandlerError that is its outcome. When the caller is cancelled the job is not served, if it is still queued.
        """
        reply = self.submit(request, request_id, label, exclusive=exclusive)
        try:
            return await reply.future
        finally:
            reply.detach()

    def submit(
        self, request: Input, request_id: str, label: str = "default", *, exclusive: bool = False
    ) -> PendingReply:
        """The same without waiting: accept a request, and return the reply that its outcome will resolve."""
        reply, sequence = PendingReply(self._loop, label, self._check_drained), ""
        if self._router is not None and not exclusive:
            request, sequence = self._router.assign_sequence(request)
        reply.job = job = Job(request, request_id, reply, exclusive=exclusive, sequence=sequence)
        if not exclusive:
            self.metrics.record_request(label)
        if not self.pool.workers:
            raise self._refusal(label, "NoWorker")
        try:
            self._pacer.submit(job)
        except (QueueFull, BatcherClosed) as error:
            raise self._refusal(label, type(error).__name__) from error
        if self._router is not None:
            self._router.record_request(job)
        if self._hang_timer is None:
            self._check_hung()
        if self.config.client_timeout:
            ClientTimeout(self._loop, reply, self.config.client_timeout / 1000)
        return reply

    def early_refusal(self, label: str = "default") -> NoWorker | None:
        """The error, already counted, with which a request would be refused now; None if it would be accepted."""
        if self.pool.workers and not self.batcher.is_full:
            return None
        self.metrics.record_request(label)
        return self._refusal(label, "QueueFull" if self.pool.workers else "NoWorker")

    async def scale(self, min_workers: int, max_workers: int) -> None:
        """Set the number of workers; returns when they are loaded. Raises LoadFailed of the first that is not."""
        loading = self.start_scaling(min_workers, max_workers)
        await asyncio.gather(*(asyncio.wrap_future(worker.loaded) for worker in loading))

    def start_scaling(self, min_workers: int, max_workers: int) -> list[Worker]:
        """Set the number of workers without waiting; returns the new ones."""
        self._was_scaled = True
        self.config = replace(self.config, min_workers=min_workers, max_workers=max_workers)
        loading = self.pool.scale(min_workers)
        self._check_hung()
        self._refuse_unserved()
        return loading

    def use_processes(self) -> None:
        """Make the workers that start from now on processes of their own."""
        self.config = replace(self.config, isolation="process")

    async def drain(self, seconds: float) -> bool:
        """Accept no more requests and answer the accepted ones; false if some were still open after `seconds`."""
        self.batcher.close()
        if not self.batcher.is_idle and self.pool.alive_count:
            self._drained = self._loop.create_future()
            await asyncio.wait({self._drained}, timeout=seconds)
        return self.batcher.is_idle

    async def close(self, seconds: float) -> None:
        """Drain and end the workers, both together within `seconds`, and remove the unpacked archive."""
        deadline = monotonic() + seconds
        await self.drain(seconds)
        for job in self.batcher.pop_all():
            self._answer(job, WorkerDied())
        if self._hang_timer is not None:
            self._hang_timer.cancel()
        stopping, remaining = self.pool.stop(), max(MIN_STOP_SECONDS, deadline - monotonic())
        await asyncio.gather(*(asyncio.to_thread(worker.join_or_abandon, remaining) for worker in stopping))
        self.metrics.close()
        await asyncio.to_thread(self.archive.remove)

    def _refusal(self, label: str, reason: str) -> NoWorker:
        self.metrics.record_failure(reason)
        return NoWorker(self.name, label)

    def _deliver(self, outcomes: JobOutcomes) -> None:
        self._record(outcomes)
        for job, outcome in outcomes:
            self._answer(job, outcome)
        if self._drained is not None:
            self._check_drained()

    def _answer(self, job: Job, outcome: Outcome | Exception) -> None:
        job.reply.deliver(outcome)

    def _record(self, outcomes: JobOutcomes) -> None:
        now = monotonic()
        predictions = []
        for job, outcome in outcomes:
            if isinstance(outcome, Output):
                if not (job.exclusive or job.reply.is_expired):  # a description is no prediction
                    predictions.append((job.reply.label, now - job.arrived_at, job.taken_at - job.arrived_at))
                if self._router is not None:
                    self._router.record_answer(outcome.headers)
            elif isinstance(outcome, HandlerError):
                self.metrics.record_failure(type(outcome).__name__)
        self.metrics.record_predictions(predictions)

    def _check_drained(self) -> None:
        if self._drained is not None and not self._drained.done() and self.batcher.is_idle:
            self._drained.set_result(None)

    def _replace_worker(self, worker: Worker) -> None:
        self.pool.replace_worker(worker)
        self._check_hung()
        self._refuse_unserved()

    def _refuse_unserved(self) -> None:
        """Answer the jobs that wait for workers that will not come; TorchServe lets such requests hang for ever."""
        if not self.pool.workers:
            for job in self.batcher.pop_all():
                self._answer(job, self._refusal(job.reply.label, "NoWorker"))

    def _check_hung(self) -> None:
        """Give up hanging workers, and check again when the next may be due; no timer runs while none is busy."""
        if self._hang_timer is not None:
            self._hang_timer.cancel()
        timeout = self.config.response_timeout
        remaining = self.pool.abandon_hung(timeout, self.config.startup_timeout)
        if remaining is None and self.batcher.is_idle:
            self._hang_timer = None
        else:  # a batch taken meanwhile is not due before a whole timeout has passed
            seconds = max(MIN_CHECK_SECONDS, min(timeout, remaining or timeout))
            self._hang_timer = self._loop.call_later(seconds, self._check_hung)
