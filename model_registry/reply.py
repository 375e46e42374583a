"""Where an answer arrives on the event loop: at once, or in pieces."""

from asyncio import AbstractEventLoop, Future, Queue
from collections.abc import AsyncIterator, Callable

from handler.job import Job, Outcome, Output, StreamChunk


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
            while isinstance(outcome := await self._queue.get(), StreamChunk):
                yield outcome.output.body
            if not isinstance(outcome, Output):
                raise outcome
            yield outcome.body
        finally:
            self._left()


class Reply:
    """Wakes whoever waits for a job, once: with an output, a stream, or an error.

    Either `future` is awaited, or a function given to `then` is called, in the same turn of the event loop.
    """

    __slots__ = ("_future", "_left", "_loop", "_outcome", "_stream", "_then", "expired", "job", "label")

    def __init__(self, loop: AbstractEventLoop, label: str, left: Callable[[], None]) -> None:
        self.label = label
        """The version as the request named it, "default" where it named none."""
        self.job: Job | None = None
        self.expired = False
        """Whether an answer would come too late now."""
        self._loop = loop
        self._left = left
        self._future: Future[Output | Stream] | None = None
        self._then: Callable[[Output | Stream | Exception], object] | None = None
        self._outcome: Output | Stream | Exception | None = None
        self._stream: Stream | None = None

    @property
    def future(self) -> "Future[Output | Stream]":
        """The outcome for those who await it; it costs a turn of the event loop."""
        if self._future is None:
            self._future = self._loop.create_future()
            if self._outcome is not None:
                _settle(self._future, self._outcome)
        return self._future

    def then(self, function: Callable[[Output | Stream | Exception], object]) -> None:
        """Call the function, which raises nothing, with the outcome when it comes."""
        self._then = function

    def leave(self) -> None:
        """Nobody waits any more: the job is not served, if no worker has taken it yet."""
        if self._stream is None:
            self._forgo()
        self._then = None
        self.future.cancel()
        self._left()

    def expire(self) -> None:
        """From now on an answer comes too late, and is dropped."""
        self.expired = True
        self._forgo()

    def refuse(self, error: Exception) -> None:
        """Answer in place of the worker."""
        if not self._is_over:
            self._wake(error)

    def put(self, outcome: Outcome | Exception) -> None:
        """Take what was delivered; does nothing once the waiting client has gone, or for an answer that is too late."""
        if self._stream is not None:
            self._stream.put(outcome)
        elif not self.expired and not self._is_over:
            if isinstance(outcome, StreamChunk):
                self._stream = Stream(outcome.output, self._end_stream)
                self._wake(self._stream)
            else:
                self._wake(outcome)
        if self.job is not None and not isinstance(outcome, StreamChunk):
            self.job.reply = None  # the circle would keep the body in memory until the collector comes

    @property
    def _is_over(self) -> bool:
        """Whether there is an outcome, or nobody waits for one."""
        return self._outcome is not None or (self._future is not None and self._future.done())

    def _forgo(self) -> None:
        # What belongs to a sequence is served all the same: the next requests build on it.
        if self.job is not None and not self.job.sequence:
            self.job.left = True

    def _end_stream(self) -> None:
        assert self.job is not None
        self.job.left = True

    def _wake(self, outcome: Output | Stream | Exception) -> None:
        self._outcome = outcome
        if self._future is not None:
            _settle(self._future, outcome)
        if self._then is not None:
            self._then(outcome)


def _settle(future: "Future[Output | Stream]", outcome: Output | Stream | Exception) -> None:
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
