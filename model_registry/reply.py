"""Where an answer arrives on the event loop: at once, or in pieces."""

from asyncio import AbstractEventLoop, Future, Queue
from collections.abc import AsyncIterator, Callable

from handler.job import Job, Outcome, Output, Piece


class Stream:
    """An answer that comes in pieces: `first` carries its status and headers, iterating gives every piece's bytes.

    `left` is called when nobody iterates any more.
    """

    def __init__(self, first: Output, left: Callable[[], None]) -> None:
        self.first = first
        self._left = left
        self._queue: Queue[Outcome | Exception] = Queue()

    def put(self, outcome: Outcome | Exception) -> None:
        """Add a piece, or the output or error that ends the stream."""
        self._queue.put_nowait(outcome)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the pieces as they come; raises the error that cut the stream short."""
        try:
            yield self.first.body
            while isinstance(outcome := await self._queue.get(), Piece):
                yield outcome.output.body
            if not isinstance(outcome, Output):
                raise outcome
            yield outcome.body
        finally:
            self._left()


class Reply:
    """Wakes whoever waits for a job, once: with an output, a stream, or an error."""

    __slots__ = ("_left", "_stream", "expired", "future", "job", "label")

    def __init__(self, loop: AbstractEventLoop, label: str, left: Callable[[], None]) -> None:
        self.future: Future[Output | Stream] = loop.create_future()
        self.label = label
        """The version as the request named it, "default" where it named none."""
        self.job: Job | None = None
        self.expired = False
        """Whether an answer would come too late now."""
        self._left = left
        self._stream: Stream | None = None

    def leave(self) -> None:
        """Nobody waits any more: the job is not served, if no worker has taken it yet."""
        if self._stream is None:
            self._forgo()
        self.future.cancel()
        self._left()

    def expire(self) -> None:
        """From now on an answer comes too late, and is dropped."""
        self.expired = True
        self._forgo()

    def refuse(self, error: Exception) -> None:
        """Answer in place of the worker."""
        if not self.future.done():
            self.future.set_exception(error)

    def put(self, outcome: Outcome | Exception) -> None:
        """Take what was delivered; does nothing once the waiting client has gone, or for an answer that is too late."""
        if self._stream is not None:
            self._stream.put(outcome)
        elif not self.future.done() and not self.expired:
            self._wake(outcome)
        if self.job is not None and not isinstance(outcome, Piece):
            self.job.reply = None  # the circle would keep the body in memory until the collector comes

    def _forgo(self) -> None:
        # What belongs to a sequence is served all the same: the next requests build on it.
        if self.job is not None and not self.job.sequence:
            self.job.left = True

    def _end_stream(self) -> None:
        assert self.job is not None
        self.job.left = True

    def _wake(self, outcome: Outcome | Exception) -> None:
        if isinstance(outcome, Output):
            self.future.set_result(outcome)
        elif isinstance(outcome, Exception):
            self.future.set_exception(outcome)
        else:
            self._stream = Stream(outcome.output, self._end_stream)
            self.future.set_result(self._stream)
