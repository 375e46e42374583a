"""Where an answer arrives on the event loop: at once, or in pieces."""

from asyncio import AbstractEventLoop, Future, Queue
from collections.abc import AsyncIterator, Callable

from handler.job import Job, Outcome, Output, Piece


class Stream:
    """An answer that comes in pieces: `first` carries its status and headers, iterating gives every piece's bytes."""

    def __init__(self, first: Output) -> None:
        self.first = first
        self._queue: Queue[Outcome | Exception] = Queue()

    def put(self, outcome: Outcome | Exception) -> None:
        """Add a piece, or the output or error that ends the stream."""
        self._queue.put_nowait(outcome)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the pieces as they come; raises the error that cut the stream short."""
        yield self.first.body
        while True:
            outcome = await self._queue.get()
            if isinstance(outcome, Piece):
                yield outcome.output.body
            elif isinstance(outcome, Output):
                yield outcome.body
                return
            else:
                raise outcome


class Reply:
    """Wakes whoever waits for a job, once: with an output, a stream, or an error."""

    __slots__ = ("_left", "_stream", "future", "job", "label")

    def __init__(self, loop: AbstractEventLoop, label: str, left: Callable[[], None]) -> None:
        self.future: Future[Output | Stream] = loop.create_future()
        self.label = label
        """The version as the request named it, "default" where it named none."""
        self.job: Job | None = None
        self._left = left
        self._stream: Stream | None = None

    def leave(self) -> None:
        """Nobody waits any more: the job is not served, if no worker has taken it yet."""
        if self.job is not None:
            self.job.left = True
        self.future.cancel()
        self._left()

    def put(self, outcome: Outcome | Exception) -> None:
        """Take what was delivered; does nothing once the waiting client has gone."""
        if self._stream is not None:
            self._stream.put(outcome)
        elif not self.future.done():
            self._wake(outcome)

    def _wake(self, outcome: Outcome | Exception) -> None:
        if isinstance(outcome, Output):
            self.future.set_result(outcome)
        elif isinstance(outcome, Exception):
            self.future.set_exception(outcome)
        else:
            self._stream = Stream(outcome.output)
            self.future.set_result(self._stream)
