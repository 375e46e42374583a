"""A worker that holds many batches at once: its thread takes them, the event loop of its service serves them."""

import time
from collections.abc import Sequence
from functools import partial
from itertools import count
from threading import Condition
from typing import Any, Protocol

from handler.batching.batcher import Batch
from handler.errors import HandlerError, PredictionFailed, WorkerDied
from handler.isolation.process.exit_trap import WorkerExit
from handler.job import Deliver, Job, JobOutcomes, Outcome, Output, StreamChunk
from handler.stream_window import StreamWindow
from handler.workers.asynchronous.movable_service import AsyncMovableService
from handler.workers.asynchronous.process_service import AsyncProcessService
from handler.workers.asynchronous.thread_service import AsyncThreadService
from handler.workers.spec import WorkerSpec
from handler.workers.worker import Worker

MAX_BATCHES = 1000
"""So many are held at most; others wait in the queue, which has its own limit. TorchServe has none."""
MAX_UNREAD_BYTES = 64 << 20
"""A request whose client leaves more of its stream unread is cancelled: nothing else can wait for one client."""
HANG_SECONDS = 10.0
"""The time that an event loop may take to cancel a batch; one that takes longer is blocked."""


class AsyncWorkerService(Protocol):
    """A service as its worker sees it, wherever it runs, besides what all services can do."""

    def start(self, number: int, jobs: Sequence[Job], deliver: Deliver) -> None:
        """Serve a batch; `on_finish` is called at its end."""

    def cancel(self, number: int) -> None:
        """Cancel a batch, if it runs; it counts as finished as soon as the event loop sees to it."""


class AsyncWorker(Worker):
    """Starts each batch as soon as it is there, and answers it when its coroutine is done.

    A batch whose clients have all disconnected is cancelled, and so is one without a sign of life for the response
    timeout, which costs the others nothing. An event loop that does not even cancel is blocked, and given up.
    """

    def __init__(self, spec: WorkerSpec, *arguments: Any, **options: Any) -> None:
        self._batches: dict[int, Batch] = {}
        self._expired: dict[int, float] = {}  # when batches were cancelled that the loop does not know to be finished
        self._numbers = count()
        self._changed = Condition()
        super().__init__(spec, *arguments, **options)

    def __repr__(self) -> str:
        return f"<AsyncWorker {self.spec.label} {self.state} with {len(self._batches)} batches>"

    def join(self, seconds: float) -> bool:
        """Wait for the thread to end with all its jobs answered; false if it did not."""
        return super().join(seconds) and not self._batches

    def remaining_seconds(self, response_timeout: float, startup_timeout: float) -> float | None:
        """The time until a batch may be too late; those that are too late now are answered and cancelled."""
        remaining = super().remaining_seconds(response_timeout, startup_timeout)
        if self._ended or not self.loaded.done():
            return remaining
        now = time.monotonic()
        waits = [] if remaining is None else [remaining]
        for number, batch in list(self._batches.items()):
            left = batch.progressed_at + response_timeout - now
            if left > 0:
                waits.append(left)
            else:
                self._expire(number, now)
        waits += [since + HANG_SECONDS - now for since in list(self._expired.values())]
        return min(waits, default=None)

    def _new_service(self, spec: WorkerSpec) -> Any:
        self._requests: AsyncWorkerService = self._new_async_service(spec)
        return self._requests

    def _new_async_service(self, spec: WorkerSpec) -> AsyncWorkerService:
        arguments = spec, self._finish, self._fail, lambda status: self._fail(WorkerExit(status))
        if spec.in_process:
            return AsyncProcessService(*arguments)
        return AsyncThreadService(*arguments) if spec.policy is None else AsyncMovableService(*arguments)

    def _serve(self, batch: Batch) -> None:
        number = next(self._numbers)
        with self._changed:
            self._changed.wait_for(lambda: len(self._batches) < MAX_BATCHES or self._ended)
            self._batches[number], self.batch = batch, None
        for job in batch.jobs:
            job.on_cancel = partial(self._cancel_unwanted, number, batch)
        self._requests.start(number, batch.jobs, partial(self._deliver_pieces, batch))
        self._cancel_unwanted(number, batch)  # clients may have left meanwhile

    def _finish_all(self) -> None:
        """Wait until all batches are answered."""
        with self._changed:
            self._changed.wait_for(lambda: not self._batches or self._ended)

    def _cancel_unwanted(self, number: int, batch: Batch) -> None:
        if all(job.cancelled for job in batch.jobs):
            self._requests.cancel(number)

    def _deliver_pieces(self, batch: Batch, outcomes: JobOutcomes) -> None:
        batch.progressed_at = time.monotonic()  # response_timeout applies to each chunk
        wanted = [(job, outcome) for job, outcome in outcomes if self._counts_as_unread(job, outcome)]
        if wanted:
            self._deliver(wanted)

    def _counts_as_unread(self, job: Job, outcome: Any) -> bool:
        """Whether the client still reads."""
        if not isinstance(outcome, StreamChunk) or not isinstance(outcome.output, Output):
            return True
        window = job.window = job.window or StreamWindow()
        window.add(len(outcome.output.body))
        if window.unread_bytes > MAX_UNREAD_BYTES and not window.is_closed:
            self.spec.write_line("stderr", f"A stream is cut: its client has not read {window.unread_bytes} bytes.")
            window.close()
            job.cancel()
        return not window.is_closed

    def _expire(self, number: int, now: float) -> None:
        if self._answer(number, WorkerDied()):
            self._expired[number] = now
            self._requests.cancel(number)

    def _finish(self, number: int, outcomes: Sequence[Outcome]) -> None:
        """Answer a batch that its coroutine has finished; without outcomes it was cancelled."""
        self._expired.pop(number, None)
        self._answer(number, outcomes or PredictionFailed())

    def _answer(self, number: int, outcomes: Sequence[Outcome] | HandlerError) -> bool:
        """Answer a batch, unless that was done before."""
        with self._changed:
            batch = self._batches.pop(number, None)
            self._changed.notify_all()
        if batch is None or not self._batcher.finish(batch):
            return False
        self._metrics.record_batch(len(batch.jobs), (time.monotonic() - batch.taken_at) * 1000)
        each = [outcomes] * len(batch.jobs) if isinstance(outcomes, HandlerError) else outcomes
        self._deliver(list(zip(batch.jobs, each, strict=True)))
        for job in batch.jobs:
            job.on_cancel = None
        return True

    def _answer_all(self) -> None:
        super()._answer_all()
        for number in list(self._batches):
            self._answer(number, self._death)
