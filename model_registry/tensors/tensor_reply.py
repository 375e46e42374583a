"""The responses to a request of tensors as its client receives them on the event loop."""

from collections.abc import Callable
from typing import Protocol

from handler.errors import HandlerError
from handler.job import Deferred, Job, StreamChunk
from handler.tensors.errors import Code, TensorError
from handler.tensors.requests import FINAL, TensorOutcome, TensorResponse
from handler.tensors.spec import OnResponse


class PendingResponses(Protocol):
    """A request of tensors that has been accepted."""

    def cancel(self) -> None:
        """The client has disconnected: nothing is passed on any more, and a model that looks may notice."""

    def abandon(self) -> None:
        """The same, but a model that has begun does not notice: so it is where Triton speaks HTTP."""


class TensorReply:
    """Passes the responses to one job on, and says once when the last has come.

    `answer` makes of a response what the client is to get; `on_end` is called when the job needs nothing any more.
    """

    __slots__ = ("_answer", "_is_cancelled", "_is_ended", "_on_end", "_on_response", "job")

    def __init__(
        self, on_response: OnResponse, answer: Callable[[TensorResponse], TensorResponse],
        on_end: Callable[["TensorReply"], object],
    ) -> None:  # fmt: skip
        self.job: Job | None = None
        self._on_response = on_response
        self._answer = answer
        self._on_end = on_end
        self._is_cancelled = False
        self._is_ended = False

    def __repr__(self) -> str:
        return f"<TensorReply{', ended' if self._is_ended else ''}{', cancelled' if self._is_cancelled else ''}>"

    @property
    def is_cancelled(self) -> bool:
        """Whether the client has disconnected."""
        return self._is_cancelled

    def deliver(self, outcome: TensorOutcome | StreamChunk | HandlerError) -> None:
        """Pass an outcome on, unless the client has disconnected."""
        if isinstance(outcome, Deferred) or self._is_ended:
            return
        if isinstance(outcome, StreamChunk):
            self._pass(outcome.output, is_final=False)
            return
        response = outcome if isinstance(outcome, TensorResponse) else TensorResponse(error=error_of(outcome))
        self._pass(response, is_final=True)
        if not self._is_ended:  # now, so that another outcome can be delivered where this one has failed
            self._end()

    def cancel(self) -> None:
        """The client has disconnected: the job is not served, if no worker has taken it yet."""
        if self._is_ended or self._is_cancelled:
            return
        self._is_cancelled = True
        assert self.job is not None
        if not self.job.sequence:  # the next requests of a sequence build on this one
            self.job.cancelled = True
            if not self.job.taken_at:
                self._end()

    def abandon(self) -> None:
        """The client has disconnected: the job is not served, unless a worker has taken it; then it does not notice."""
        assert self.job is not None
        if self.job.taken_at:
            self._is_cancelled = True
        else:
            self.cancel()

    def _pass(self, response: TensorResponse, *, is_final: bool) -> None:
        if not self._is_cancelled:
            self._on_response(response if response is FINAL else self._answer(response), is_final)

    def _end(self) -> None:
        self._is_ended = True
        self._on_end(self)
        if self.job is not None:
            self.job.reply = None  # the circle would keep the body in memory until the collector comes


def error_of(outcome: HandlerError) -> TensorError:
    """Any error of a worker as one of tensors."""
    return outcome if isinstance(outcome, TensorError) else TensorError(str(outcome), Code.INTERNAL, is_late=True)
