"""The sequence that a request to a stateful model belongs to, by its headers or parameters."""

from collections.abc import Iterable
from uuid import uuid4

from handler.batching.sequence_batcher import SequenceBatcher
from handler.batching.sequences import SequenceLimits, Sequences
from handler.job import Input, Job
from model_registry.config import ModelConfig
from model_registry.server_defaults import SequenceHeaders

Headers = Iterable[tuple[str, str]]


class SequenceRouter:
    """The sequences of one model version."""

    def __init__(self, config: ModelConfig, headers: SequenceHeaders) -> None:
        limits = SequenceLimits(
            max_sequences=config.max_num_sequence,
            max_queued=config.max_sequence_job_queue_size,
            max_idle_seconds=config.sequence_max_idle / 1000,
            max_seconds=config.sequence_timeout / 1000,
        )
        # As TorchServe does: requests that are new get room beside those that go on.
        size = config.batch_size * 2 if config.continuous_batching else config.batch_size
        self.batcher = SequenceBatcher(
            size, config.max_batch_delay / 1000, config.job_queue_size, Sequences(limits),
            adaptive=config.adaptive_batching,
        )  # fmt: skip
        self._headers = headers

    def __repr__(self) -> str:
        return f"<SequenceRouter {self.batcher}>"

    def assign_sequence(self, request: Input) -> tuple[Input, str]:
        """The request and the id of its sequence. One that names none begins a sequence, which its headers then name.

        Names of headers are compared as they were sent, as TorchServe does, where that is known.
        """
        found = dict(request.headers)
        key = self._headers.id if request.case_preserved else self._headers.id.lower()
        if found.get(key):
            return request, found[key]
        made = f"ts-seq-{uuid4()}"
        added = ((self._headers.start, "true"), (self._headers.id, made))
        return request._replace(headers=(*request.headers, *added)), made

    def record_request(self, job: Job) -> None:
        """Take note of an accepted request that says that it is the last one of its sequence."""
        key = self._headers.end if job.input.case_preserved else self._headers.end.lower()
        if dict(job.input.headers).get(key) == "true":
            self.batcher.end(job.sequence)

    def record_answer(self, headers: Headers) -> None:
        """Take note of an answer by which the handler ends sequences: their ids, with semicolons between."""
        for sequence in dict(headers).get(self._headers.end, "").split(";"):
            self.batcher.end(sequence.strip())
