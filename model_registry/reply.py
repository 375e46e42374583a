"""The answer to a job as its client receives it on the event loop: at once, or as a stream."""

from asyncio import AbstractEventLoop, Future, Queue
from collections.abc import AsyncIterator, Callable

from handler.job import Job, Outcome, Output, StreamChunk

VERSION_HEADER = "x-marserve-version"
Headers = tuple[tuple[str, str], ...]


class ResponseStream:
    """A streamed answer: `first` carries its status and headers, iterating yields the bytes of all chunks.

    `on_read` is called with the size of each chunk that was read, `on_close` when the iteration ends, however that
    happens.
    """

    def __init__(self, first: Output, on_close: Callable[[], None], on_read: Callable[[int], None]) -> None:
        self.first = first
        self._on_close = on_close
        self._on_read = on_read
        self._queue: Queue[Outcome | Exception] = Queue()

    def call_on_close(self, callback: Callable[[], object]) -> None:
        """Call the function, too, when the iteration ends."""
        before = self._on_close

        def close() -> None:
            before()
            callback()

        self._on_close = close

    def put(self, outcome: Outcome | Exception) -> None:
        """Add a chunk, or the output or error that ends the stream."""
        self._queue.put_nowait(outcome)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the chunks as they come; raises the error that cut the stream short."""
        try:
            yield self.first.body
            self._on_read(len(self.first.body))
            while isinstance(outcome := await self._queue.get(), StreamChunk):
                yield outcome.output.body
                self._on_read(len(outcome.output.body))
            if not isinstance(outcome, Output):
                raise outcome
            yield outcome.body
        finally:
            self._on_close()


class PendingReply:
    """Passes the outcome of a job, once, to its client: an output, a stream, or an error.

    Either `future` is awaited, or a callback is called, in the same iteration of the event loop.
    """

    __slots__ = (
        "_callback", "_future", "_loop", "_on_detach", "_outcome", "_stream", "headers", "is_expired", "job", "label",
        "observer",
    )  # fmt: skip

    def __init__(self, loop: AbstractEventLoop, label: str, on_detach: Callable[[], None]) -> None:
        self.label = label
        """The version as the request named it, "default" where it named none."""
        self.job: Job | None = None
        self.is_expired = False
        """Whether an answer would come too late now."""
        self.observer: Callable[[Output | ResponseStream | Exception], object] | None = None
        """Called with the outcome as well, and raises nothing."""
        self.headers: Headers = ()
        """Headers of the server's that the answer gets; the front that answers with an error adds them too."""
        self._loop = loop
        self._on_detach = on_detach
        self._future: Future[Output | ResponseStream] | None = None
        self._callback: Callable[[Output | ResponseStream | Exception], object] | None = None
        self._outcome: Output | ResponseStream | Exception | None = None
        self._stream: ResponseStream | None = None

    @property
    def future(self) -> "Future[Output | ResponseStream]":
        """The outcome for those who await it; it costs an iteration of the event loop."""
        if self._future is None:
            self._future = self._loop.create_future()
            if self._outcome is not None:
                _resolve(self._future, self._outcome)
        return self._future

    def set_callback(self, callback: Callable[[Output | ResponseStream | Exception], object]) -> None:
        """Call the function, which raises nothing, with the outcome when it comes."""
        self._callback = callback

    def detach(self) -> None:
        """The client has disconnected: the job is not served, if no worker has taken it yet."""
        if self._stream is None:
            self._cancel_job()
            self._close_window()
        self._callback = None
        self.future.cancel()
        self._on_detach()

    def expire(self) -> None:
        """From now on an answer comes too late, and is dropped."""
        self.is_expired = True
        self._cancel_job()

    def refuse(self, error: Exception) -> None:
        """Answer with an error in place of the worker."""
        if not self._is_done:
            self._set_outcome(error)

    def deliver(self, outcome: Outcome | Exception) -> None:
        """Pass an outcome on; it is dropped where the client has disconnected, or where it comes too late."""
        if self._stream is not None:
            self._stream.put(outcome)
        elif not (self.is_expired or self._is_done):
            if isinstance(outcome, StreamChunk):
                stream = ResponseStream(outcome.output, self._cancel_stream, self._release_chunk)
                self._set_outcome(stream)
                self._stream = stream
            else:
                self._set_outcome(outcome)
        elif isinstance(outcome, StreamChunk):
            self._close_window()
        if self.job is not None and not isinstance(outcome, StreamChunk):
            self.job.reply = None  # the circle would keep the body in memory until the collector comes

    @property
    def _is_done(self) -> bool:
        """Whether there is an outcome, or no client waits for one."""
        return self._outcome is not None or (self._future is not None and self._future.done())

    def _cancel_job(self) -> None:
        # A request of a sequence is served all the same: the next ones build on it.
        if self.job is not None and not self.job.sequence:
            self.job.cancel()

    def _cancel_stream(self) -> None:
        assert self.job is not None
        self.job.cancel()
        self._close_window()

    def _release_chunk(self, size: int) -> None:
        if self.job is not None and self.job.window is not None:
            self.job.window.release(size)

    def _close_window(self) -> None:
        if self.job is not None and self.job.window is not None:
            self.job.window.close()

    def _set_outcome(self, outcome: Output | ResponseStream | Exception) -> None:
        if self.headers:
            outcome = _with_headers(outcome, self.headers)
        if self._future is not None:
            _resolve(self._future, outcome)
        if self._callback is not None:
            self._callback(outcome)
        self._outcome = outcome  # now, so that another can be delivered where the callback has failed
        if self.observer is not None:
            self.observer(outcome)


def _resolve(future: "Future[Output | ResponseStream]", outcome: Output | ResponseStream | Exception) -> None:
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


def _with_headers(
    outcome: Output | ResponseStream | Exception, headers: Headers
) -> Output | ResponseStream | Exception:
    """The output or stream with more headers; an error as it is."""
    if isinstance(outcome, ResponseStream):
        outcome.first = outcome.first._replace(headers=(*outcome.first.headers, *headers))
    elif isinstance(outcome, Output):
        return outcome._replace(headers=(*outcome.headers, *headers))
    return outcome
