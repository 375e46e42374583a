"""The values that travel between the event loop and the workers: a request's input, its job, and its outcome."""

from collections.abc import Callable, Iterable, Sequence
from time import monotonic
from typing import Any, NamedTuple

from handler.errors import HandlerError
from handler.job_times import HandlerTimes, JobTimes


class Part(NamedTuple):
    """One named value of a request: the body, a form field, a file or a query parameter.

    `content_type` is the MIME type without parameters, "" where none was given; it decides how a handler sees `value`.
    """

    name: str
    content_type: str
    value: bytes | bytearray


class Input(NamedTuple):
    """A request as a handler will see it: its parts, and (name, value) of its headers as they were received."""

    parts: tuple[Part, ...]
    headers: Iterable[tuple[str, str]] = ()
    case_preserved: bool = True
    """Whether header names have the client's spelling; where a server folded it, look-ups ignore case."""
    has_tensors: bool = False
    """Whether its parts are tensors, as in `handler.tensors.archives.rows`, and its answer is to be of some."""
    times: JobTimes | None = None
    """Takes the times of a request that is traced or timed."""


class Output(NamedTuple):
    """The answer for one row: an encoded body, and the status and headers that the handler set through its context."""

    body: bytes
    status: int = 200
    phrase: str = ""
    headers: tuple[tuple[str, str], ...] = ()


class StreamChunk(NamedTuple):
    """An intermediate part of a streamed answer; the last part follows as it is."""

    output: Any
    """An `Output`, or the response of another kind of model."""


class Deferred(NamedTuple):
    """The outcome of a job that its model answers later, on some thread, while it serves others."""


Outcome = Output | StreamChunk | HandlerError
"""A job ends with exactly one output or error; any number of chunks may come before.

Kinds of models that take no `Input` have responses of their own in place of `Output`.
"""


class Job:
    """One request in flight, with its reply.

    `input` is the request as the kind of the model has it: an `Input`, for archives. `reply` belongs to the submitter
    and is opaque here. `cancelled` is set when the client has disconnected: such a job is not served. An `exclusive`
    job shares its batch with no other. `sequence` is the id of the sequence that it belongs to, if any. `continued` is
    set once a handler that is called again for the same job has seen it, `expired` by a queue with a limit for the time
    that a job may wait: then it is answered, but not served. `window` bounds the unread chunks of a stream;
    `times` takes the times of a traced request. `on_cancel` is called when the job is cancelled, on the thread that
    does that. Times are `time.monotonic()` seconds.
    """

    __slots__ = (
        "arrived_at", "cancelled", "continued", "exclusive", "expired", "input", "on_cancel", "reply", "request_id",
        "sequence", "taken_at", "times", "window",
    )  # fmt: skip

    def __init__(
        self, request: Any, request_id: str, reply: Any = None, *, exclusive: bool = False, sequence: str = ""
    ) -> None:
        self.input: Any = request
        self.request_id = request_id
        self.reply = reply
        self.arrived_at = monotonic()
        self.taken_at = 0.0
        self.exclusive = exclusive
        self.sequence = sequence
        self.continued = False
        self.expired = False
        self.cancelled = False
        self.window: Any = None
        self.times: JobTimes | None = None
        self.on_cancel: Callable[[], object] | None = None

    def cancel(self) -> None:
        """The client has disconnected, or an answer would come too late."""
        self.cancelled = True
        if self.on_cancel is not None:
            self.on_cancel()

    def __repr__(self) -> str:
        return f"<Job {self.request_id}{', cancelled' if self.cancelled else ''}>"


JobOutcomes = Sequence[tuple[Job, Any]]
Deliver = Callable[[JobOutcomes], None]
"""Takes outcomes of jobs, from any thread."""


def record_times(
    jobs: Sequence[Job], worker: str, handler: HandlerTimes | None, started_at: float, ended_at: float
) -> None:
    """Fill in the times of the jobs of a batch that take them; `handler` is of an earlier batch if this one failed."""
    together = [job.times for job in jobs if job.times is not None]
    for job in jobs:
        if job.times is not None:
            times = job.times
            times.arrived_at, times.taken_at, times.batch_ended_at = job.arrived_at, job.taken_at, ended_at
            times.batch_size, times.worker, times.batch = len(jobs), worker, together
            times.handler = handler if handler is not None and handler.started_at >= started_at else None
