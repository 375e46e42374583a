"""One version of a model whose requests are tensors: checked, queued, executed by workers, answered."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from handler.batching.batcher import Batcher
from handler.batching.sequence_batcher import SequenceBatcher
from handler.errors import BatcherClosed, PredictionFailed, QueueFull
from handler.job import Deferred, Job, StreamChunk
from handler.metrics.model_metrics import ModelMetrics
from handler.tensors.errors import Code, TensorError, invalid
from handler.tensors.requests import TensorRequest, TensorResponse
from handler.tensors.signature import Signature
from handler.tensors.spec import OnResponse
from handler.tensors.statistics import Failure, Statistics
from handler.workers.spec import WorkerSpec
from model_registry.archive.archive import Archive
from model_registry.config import ModelConfig
from model_registry.errors import TensorsWanted
from model_registry.served_version import ServedVersion
from model_registry.tasks.loop_watch import LoopWatch
from model_registry.tensors.response_cache import Answered, ResponseCache, VersionCache
from model_registry.tensors.sequence_checks import SequenceChecks
from model_registry.tensors.tensor_reply import PendingResponses, TensorReply


@dataclass(frozen=True, slots=True)
class TensorModel:
    """The facts about a version that its clients see."""

    name: str
    version: str
    config: Any
    """The configuration, as a message."""
    signature: Signature
    statistics: Statistics
    is_decoupled: bool
    archive: Archive
    """Its folder and its name, as the management of models describes them."""


class TensorVersion(ServedVersion):
    """Serves one version of a model, from its load until it is closed.

    A model that keeps state has `sequences`; with `is_ordered` responses leave in the order of the requests. `cache`
    answers requests that were there before.
    """

    def __init__(
        self, model: TensorModel, config: ModelConfig, batcher: Batcher, new_worker_spec: Callable[[int], WorkerSpec],
        metrics: ModelMetrics, *, sequences: SequenceChecks | None = None, is_ordered: bool = False,
        cache: ResponseCache | None = None, watch: LoopWatch | None = None,
    ) -> None:  # fmt: skip
        is_paced = config.loop_pacing and sequences is None and not model.is_decoupled
        super().__init__(
            model.name, model.version, config, batcher, new_worker_spec, metrics, is_paced=is_paced, watch=watch
        )
        self.model = model
        self.archive = model.archive
        self._sequences = sequences
        self._order: deque[_OrderedReply] | None = deque() if is_ordered else None
        self._cache = None if cache is None else VersionCache(cache, model.statistics)
        self._open = 0

    def submit_tensors(self, request: TensorRequest, on_response: OnResponse) -> PendingResponses:
        """Accept a request; its responses come to the function, on the event loop. Raises TensorError."""
        signature = self.model.signature
        checked = signature.check(request)
        if self._sequences is not None:
            checked = self._sequences.admit(checked)
        if self._cache is not None:
            found = self._cache.find(checked)
            if found is not None:
                on_response(found, True)
                return Answered()
            on_response = self._cache.keeping(checked, on_response)
        return self._queue(checked, on_response)

    def _queue(self, checked: TensorRequest, on_response: OnResponse) -> TensorReply:
        reply = self._reply(checked, on_response)
        sequence = f"{type(checked.sequence.id).__name__} {checked.sequence.id}" if self._sequences else ""
        reply.job = job = Job(checked, checked.id, reply, sequence=sequence)
        self.metrics.record_request("default")
        self._open += 1
        try:
            self._start_job(job)
        except (QueueFull, BatcherClosed) as error:
            self._open -= 1
            self.metrics.record_failure(type(error).__name__)  # Triton's own counter leaves these out
            reason = "Exceeds maximum queue size" if isinstance(error, QueueFull) else "Server is stopping."
            raise TensorError(invalid(reason, checked.id).message, Code.UNAVAILABLE) from error
        if sequence and checked.sequence.end and isinstance(self.batcher, SequenceBatcher):
            self.batcher.end(sequence)
        return reply

    def submit(self, *request: Any, **options: Any) -> Any:
        """Raises TensorsWanted: a request of this model is made of tensors."""
        raise TensorsWanted(self.name)

    predict = submit

    def early_refusal(self, label: str = "default") -> None:
        """None: what is no request of tensors is refused when it is there."""

    def use_processes(self) -> None:
        """Do nothing: the workers are threads."""

    @property
    def _is_idle(self) -> bool:
        return not self._open

    def _reply(self, request: TensorRequest, on_response: OnResponse) -> TensorReply:
        def answer(response: TensorResponse) -> TensorResponse:
            return self.model.signature.answer(request, response)

        if self._order is None:
            return TensorReply(on_response, answer, self._end)
        reply = _OrderedReply(self._order, on_response, answer, self._end)
        self._order.append(reply)
        return reply

    def _refusal(self, job: Job) -> TensorError:
        return TensorError(f"model '{self.name}' has no instance that could serve the request", Code.UNAVAILABLE)

    def _record(self, outcomes: Sequence[tuple[Job, Any]]) -> None:
        for _, outcome in outcomes:
            if isinstance(outcome, TensorError):
                self.metrics.record_failure(type(outcome).__name__)

    def _end(self, reply: TensorReply) -> None:
        self._open -= 1
        if reply.is_cancelled and reply.job is not None and not reply.job.taken_at:
            self.model.statistics.count_refused(Failure.CANCELED)
        self._check_drained()


class _OrderedReply(TensorReply):
    """A reply whose outcomes wait until those of the replies before it, in their `order`, have been passed on."""

    __slots__ = ("_order", "_waiting")

    def __init__(self, order: "deque[_OrderedReply]", *arguments: Any) -> None:
        super().__init__(*arguments)
        self._order = order
        self._waiting: list[Any] = []

    def deliver(self, outcome: Any) -> None:
        """Pass an outcome on when it is due."""
        self._waiting.append(outcome)
        while self._order and self._order[0].deliver_waiting():
            self._order.popleft()

    def deliver_waiting(self) -> bool:
        """Pass the outcomes on that have come; whether the last was among them."""
        is_last = False
        while self._waiting:
            outcome = self._waiting[0]
            try:
                super().deliver(outcome)
            except Exception:  # the next attempt, or that of a later reply, passes this on in its place
                self._waiting[0] = PredictionFailed()
                raise
            del self._waiting[0]
            is_last = is_last or not isinstance(outcome, StreamChunk | Deferred)
        return self._is_ended or is_last
