"""One archive being served: predict, scale, watch over, close."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic

from handler.batching.batcher import Batcher
from handler.batching.loop_pacing import LoopPacer, no_pacing, pacing_autotuner
from handler.errors import BatcherClosed, QueueFull, WorkerDied
from handler.job import Input, Job, JobOutcomes, Output
from handler.metrics.server_metrics import ModelMetrics
from handler.workers.pool import Placement, WorkerPool
from handler.workers.service import ServiceSpec
from handler.workers.worker import Worker
from model_registry.archive.archive import Archive
from model_registry.client_timeout import ClientTimeout
from model_registry.config import ModelConfig
from model_registry.errors import NoWorker
from model_registry.reply import PendingReply, ResponseStream
from model_registry.sequence_routing import SequenceHeaders, SequenceRouter

MIN_STOP_SECONDS = 0.5
"""Seconds that workers get to end, however long the draining has taken."""


@dataclass(frozen=True, slots=True)
class VersionSpec:
    """What a model version is made of."""

    archive: Archive
    blueprint: ServiceSpec
    config: ModelConfig
    place: Callable[["ModelVersion"], Placement]
    metrics: ModelMetrics
    sequence_headers: SequenceHeaders


class ModelVersion:
    """Serves one version of a model on the running event loop, from its registration until it is closed."""

    def __init__(self, name: str, version: str, parts: VersionSpec) -> None:
        self.name, self.version = name, version
        self.archive = parts.archive
        self.config = parts.config
        self.metrics = parts.metrics
        self._loop = asyncio.get_running_loop()
        config = parts.config
        self._sequence_router = SequenceRouter(config, parts.sequence_headers) if config.stateful else None
        self.batcher = self._sequence_router.batcher if self._sequence_router else _make_batcher(config)
        self.pool = WorkerPool(
            parts.blueprint, self.batcher, parts.place(self), parts.metrics,
            retry_for=config.max_retry_timeout,
        )  # fmt: skip
        lasting = config.stateful or parts.blueprint.continuous
        self._loop_pacer = LoopPacer(
            self._loop, self.batcher, self._deliver, no_pacing() if lasting else pacing_autotuner()
        )
        self._scaled = False
        self._timer: asyncio.TimerHandle | None = None
        self._drained: asyncio.Future[None] | None = None
        parts.metrics.watch(self.batcher.__len__, lambda: self.pool.ready_count, lambda: self.pool.abandoned_count)

    def __repr__(self) -> str:
        return f"<ModelVersion {self.name} {self.version} {self.batcher} {self.pool}>"

    @property
    def is_healthy(self) -> bool:
        """Whether at least `min_workers` workers serve, load, or may be tried again, once they were asked for."""
        return not self._scaled or self.pool.alive_count >= self.config.min_workers

    async def predict(
        self, request: Input, request_id: str, label: str = "default", *, exclusive: bool = False
    ) -> Output | ResponseStream:
        """The handler's answer to one request.

        `label` is the version as the client named it. Raises NoWorker when the request is refused, and any
        HandlerError that the worker answered. When the caller is cancelled the job is not served, if it still waits.
        """
        reply = self.submit(request, request_id, label, exclusive=exclusive)
        try:
            return await reply.future
        finally:
            reply.detach()

    def submit(
        self, request: Input, request_id: str, label: str = "default", *, exclusive: bool = False
    ) -> PendingReply:
        """The same without waiting: accept a request and give the reply that its answer will wake. Raises NoWorker."""
        reply, sequence = PendingReply(self._loop, label, self._check_drained), ""
        if self._sequence_router is not None and not exclusive:
            request, sequence = self._sequence_router.assign_sequence(request)
        reply.job = job = Job(request, request_id, reply, exclusive=exclusive, sequence=sequence)
        if not exclusive:
            self.metrics.record_request(label)
        self._enqueue(job)
        if self.config.client_timeout:
            ClientTimeout(self._loop, reply, self.config.client_timeout / 1000)
        return reply

    def early_refusal(self) -> NoWorker | None:
        """Why a request of this moment is refused, and counted; None if it is not."""
        if self.pool.workers and not self.batcher.is_full:
            return None
        self.metrics.record_request("default")
        return NoWorker(self.name, "default")

    async def scale(self, least: int, most: int) -> None:
        """Set how many workers there are; returns when they are loaded. Raises LoadFailed of the first that is not."""
        loading = self.start_scaling(least, most)
        await asyncio.gather(*(asyncio.wrap_future(worker.loaded) for worker in loading))

    def start_scaling(self, least: int, most: int) -> list[Worker]:
        """Set how many workers there are, and do not wait; returns the new ones."""
        self._scaled = True
        self.config = replace(self.config, min_workers=least, max_workers=most)
        loading = self.pool.scale(least)
        self._schedule_hang_check()
        self._refuse_unserved()
        return loading

    def use_processes(self) -> None:
        """Have the workers that start from now on run in processes of their own."""
        self.config = replace(self.config, isolation="process")

    async def drain(self, seconds: float) -> bool:
        """Take no more requests and answer the accepted ones; false if some were still open after `seconds`."""
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
            job.reply.deliver(WorkerDied())
        if self._timer is not None:
            self._timer.cancel()
        leaving, rest = self.pool.stop(), max(MIN_STOP_SECONDS, deadline - monotonic())
        await asyncio.gather(*(asyncio.to_thread(worker.end, rest) for worker in leaving))
        self.metrics.close()
        await asyncio.to_thread(self.archive.remove)

    def receive(self, answers: JobOutcomes) -> None:
        """Take outcomes from a worker's thread to the event loop."""
        self._loop_pacer.receive(answers)

    def on_worker_end(self, worker: Worker) -> None:
        """Take the news of a worker's death from its thread to the event loop."""
        self._loop.call_soon_threadsafe(self._replace_worker, worker)

    def _enqueue(self, job: Job) -> None:
        if not self.pool.workers:
            raise NoWorker(self.name, job.reply.label)
        try:
            self._loop_pacer.submit(job)
        except (QueueFull, BatcherClosed) as error:
            raise NoWorker(self.name, job.reply.label) from error
        if self._sequence_router is not None:
            self._sequence_router.record_request(job)
        if self._timer is None:
            self._schedule_hang_check()

    def _deliver(self, answers: JobOutcomes) -> None:
        self._record_answers(answers)
        for job, outcome in answers:
            job.reply.deliver(outcome)
        self._check_drained()

    def _record_answers(self, answers: JobOutcomes) -> None:
        now = monotonic()
        self.metrics.record_predictions([
            (job.reply.label, now - job.arrived_at, job.taken_at - job.arrived_at)
            for job, outcome in answers
            if isinstance(outcome, Output) and not (job.exclusive or job.reply.is_expired)  # a description is none
        ])  # fmt: skip
        if self._sequence_router is not None:
            for _, outcome in answers:
                if isinstance(outcome, Output):
                    self._sequence_router.record_answer(outcome.headers)

    def _check_drained(self) -> None:
        if self._drained is not None and not self._drained.done() and self.batcher.is_idle:
            self._drained.set_result(None)

    def _replace_worker(self, worker: Worker) -> None:
        self.pool.replace_worker(worker)
        self._schedule_hang_check()
        self._refuse_unserved()

    def _refuse_unserved(self) -> None:
        """Answer what waits for workers that will not come; TorchServe lets such requests hang for ever."""
        if not self.pool.workers:
            for job in self.batcher.pop_all():
                job.reply.deliver(NoWorker(self.name, job.reply.label))

    def _schedule_hang_check(self) -> None:
        """Look after hanging workers when the first may be due; no timer runs while nothing is in work."""
        if self._timer is not None:
            self._timer.cancel()
        timeout = self.config.response_timeout
        rest = self.pool.abandon_overdue(timeout, self.config.startup_timeout)
        if rest is None and self.batcher.is_idle:
            self._timer = None
        else:  # a batch taken meanwhile is not due before a whole timeout has passed
            self._timer = self._loop.call_later(max(0.01, min(timeout, rest or timeout)), self._schedule_hang_check)


def _make_batcher(config: ModelConfig) -> Batcher:
    return Batcher(
        config.batch_size, config.max_batch_delay / 1000, config.job_queue_size, tickets=config.use_job_ticket
    )
