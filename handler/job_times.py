"""The times of one job from its arrival to its encoded answer, for requests that are traced or timed."""

from collections.abc import Sequence
from typing import Any, NamedTuple


class HandlerTimes(NamedTuple):
    """The call of a handler for a batch, in `time.monotonic()` seconds, which all processes of a machine share."""

    started_at: float
    ended_at: float
    encoded_at: float


class JobTimes:
    """The times of a job, in `time.monotonic()` seconds; its worker fills them in before the answer is delivered.

    `handler` is None for kinds of models that do not measure it. `batch` are the times of all jobs of the same batch
    that are timed, this one included.
    """

    trace_id = ""
    """The W3C trace id, where the request is traced."""

    def __init__(self) -> None:
        self.model = self.version = ""
        self.arrived_at = self.taken_at = self.batch_ended_at = 0.0
        self.batch_size = 0
        self.worker = ""
        self.handler: HandlerTimes | None = None
        self.batch: Sequence[JobTimes] = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.model} {self.version}, batch of {self.batch_size}>"

    def on_outcome(self, outcome: Any) -> None:
        """The outcome of the job, on the event loop; raises nothing."""

    def durations(self) -> dict[str, float]:
        """The milliseconds of each phase that is over: queue, batch and, within it, handler and encoding."""
        phases = {"queue": self.taken_at - self.arrived_at, "batch": self.batch_ended_at - self.taken_at}
        if self.handler is not None:
            phases["handler"] = self.handler.ended_at - self.handler.started_at
            phases["encoding"] = self.handler.encoded_at - self.handler.ended_at
        return {name: max(0.0, seconds) * 1000 for name, seconds in phases.items()} if self.batch_ended_at else {}
