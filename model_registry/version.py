"""One archive being served: requests in, answers out."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any

from handler.batching.batcher import Batcher
from handler.batching.lock_contention import LockContention
from handler.devices.cpu_budget import cpu_budget
from handler.errors import BatcherClosed, HandlerError, QueueFull
from handler.job import Input, Job, JobOutcomes, Output
from handler.job_times import JobTimes
from handler.metrics.model_metrics import ModelMetrics
from handler.workers.isolation_policy import IsolationPolicy
from handler.workers.spec import WorkerSpec
from model_registry.archive.archive import Archive
from model_registry.client_timeout import ClientTimeout
from model_registry.config import ModelConfig
from model_registry.errors import NoWorker
from model_registry.reply import PendingReply, ResponseStream
from model_registry.sequence_routing import SequenceRouter
from model_registry.served_version import ServedVersion
from model_registry.tasks.loop_watch import LoopWatch

if TYPE_CHECKING:  # they come with numpy, which most servers start without
    from model_registry.drift.monitor import DriftMonitor
    from model_registry.drift.profile import Score

LOG = logging.getLogger("marserve.loading")


class ModelVersion(ServedVersion):
    """Serves one version of an archive, from its registration until it is closed.

    `new_worker_spec` makes the specification of one of its workers from its index. A stateful model has a `router`.
    """

    def __init__(
        self, archive: Archive, config: ModelConfig, new_worker_spec: Callable[["ModelVersion", int], WorkerSpec],
        metrics: ModelMetrics, router: SequenceRouter | None = None, *, watch: LoopWatch | None = None,
        contention: LockContention | None = None,
    ) -> None:  # fmt: skip
        self.archive = archive
        self.drift: DriftMonitor | None = None
        """Takes samples of the requests where drift is watched."""
        self.tensors: Any = None
        """The model as clients of tensors see it, once one has asked for it; only where it declares some."""
        self.isolation = IsolationPolicy(
            str(archive.manifest.model_name), lambda: self._loop.call_soon_threadsafe(self._move), contention
        )
        self._router = router
        batcher = router.batcher if router else Batcher(
            config.batch_size, config.max_batch_delay / 1000, config.job_queue_size, tickets=config.use_job_ticket,
            adaptive=config.adaptive_batching,
        )  # fmt: skip
        super().__init__(
            str(archive.manifest.model_name), archive.manifest.version, config, batcher,
            lambda index: new_worker_spec(self, index), metrics,
            is_paced=config.loop_pacing and not config.outlasts_its_batches, watch=watch,
        )  # fmt: skip

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
        if request.times is not None:
            self._time(request.times, job, reply)
        if not exclusive:
            self.metrics.record_request(label)
        if not self.pool.workers:
            raise self._refuse(label, "NoWorker")
        try:
            self._start_job(job)
        except (QueueFull, BatcherClosed) as error:
            raise self._refuse(label, type(error).__name__) from error
        if self._router is not None:
            self._router.record_request(job)
        if self.config.client_timeout:
            ClientTimeout(self._loop, reply, self.config.client_timeout / 1000)
        if self.drift is not None and self.drift.is_due():
            self.drift.watch(request, reply)
        return reply

    def _time(self, times: JobTimes, job: Job, reply: PendingReply) -> None:
        """Have the times of a job filled in, and their owner called with its outcome."""
        times.model, times.version, times.arrived_at = self.name, self.version, job.arrived_at
        job.times, reply.observer = times, times.on_outcome

    def watch_drift(self, monitor: "DriftMonitor | None") -> None:
        """Have a monitor take samples of the requests; None ends that."""
        self.drift = monitor
        if monitor is None:
            self.metrics.remove_drift()
        else:
            monitor.on_scores = self._record_drift

    def _record_drift(self, scores: "Sequence[Score]") -> None:
        for score in scores:
            for statistic, value in score.statistics().items():
                self.metrics.record_drift(score.feature, statistic, value)

    def early_refusal(self, label: str = "default") -> NoWorker | None:
        """The error, already counted, with which a request would be refused now; None if it would be accepted."""
        if self.pool.workers and not self.batcher.is_full:
            return None
        self.metrics.record_request(label)
        return self._refuse(label, "QueueFull" if self.pool.workers else "NoWorker")

    def use_processes(self) -> None:
        """Make the workers that start from now on processes of their own."""
        self.config = replace(self.config, in_process=True)

    def _move(self) -> None:
        """Start processes from now on; one for each core where threads would wait and no number was asked for."""
        self.use_processes()
        cores, contention = int(cpu_budget()), self.isolation.contention
        is_scaled = contention is not None and contention.is_found and self.config.workers_are_default
        if is_scaled and self.batcher.is_open and cores > len(self.pool.workers):
            LOG.info("Model %s: %d workers, one for each core, as no number is configured.", self.name, cores)
            self.start_scaling(cores, cores)

    async def close(self, seconds: float) -> None:
        """Drain and end the workers, both together within `seconds`, and remove the unpacked archive."""
        await super().close(seconds)
        await asyncio.to_thread(self.archive.remove)

    def _refuse(self, label: str, reason: str) -> NoWorker:
        self.metrics.record_failure(reason)
        return NoWorker(self.name, label)

    def _refusal(self, job: Job) -> NoWorker:
        return self._refuse(job.reply.label, "NoWorker")

    def _record(self, outcomes: JobOutcomes) -> None:
        now = monotonic()
        predictions = []
        for job, outcome in outcomes:
            if job.reply is None:  # it is answered already
                continue
            if isinstance(outcome, Output):
                if not (job.exclusive or job.reply.is_expired):  # a description is no prediction
                    predictions.append((job.reply.label, now - job.arrived_at, job.taken_at - job.arrived_at))
                    if job.times is not None and job.times.trace_id:
                        self.metrics.series.record_exemplar(now - job.arrived_at, job.times.trace_id)
                if self._router is not None:
                    self._router.record_answer(outcome.headers)
            elif isinstance(outcome, HandlerError):
                self.metrics.record_failure(type(outcome).__name__)
        self.metrics.record_predictions(predictions)
