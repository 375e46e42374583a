"""HTTP/1.1 as TorchServe's clients see it: connections that answer whole requests in their order.

It does what an ASGI protocol cannot: header names as they were sent, reason phrases, TorchServe's own words for what is
no HTTP; and the everyday prediction costs neither a task nor a second write.
"""

import asyncio
from collections import deque
from time import perf_counter
from typing import cast

from app.http.address import Address
from app.http.parser import InvalidRequest, RequestParser
from app.http.request import Call
from app.http.request_ids import new_request_id
from app.http.response_head import CONTINUE, INVALID, LAST_CHUNK, chunk_of, head_of, refusal, sendable
from app.http.responses import Answer, output_answer
from handler.job import Output
from model_registry.reply import PendingReply, ResponseStream

PATIENCE = 60.0
"""Seconds that a client may take between two pieces of one request."""
REST = 0.5
"""Seconds for which a stopping server still hears an idle connection: a request may be on its way."""
LINGER = 2.0
"""Seconds that a refused body is still read and dropped, so that the client gets to see the refusal."""


class TorchServeProtocol(asyncio.BufferedProtocol):
    """One connection. Requests are answered in the order in which they came; while one is, no more are read."""

    def __init__(self, address: Address, open_ones: set["TorchServeProtocol"], keep_alive: float) -> None:
        self._address = address
        self._keep_alive = keep_alive
        self._connections = open_ones
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._reader = RequestParser(self, address.limit, address.scratch)
        self._transport: asyncio.Transport = None  # type: ignore[assignment] # until connection_made
        self._waiting: deque[tuple[Call, bool]] = deque()
        self._current: Call | None = None
        self._reply: PendingReply | None = None
        self._task: asyncio.Task[None] | None = None
        self._held_back: asyncio.Event | None = None
        self._closing = False
        self._leaving = False
        self._heard = self._loop.time()
        self._gone: asyncio.Future[None] | None = None

    def __repr__(self) -> str:
        return f"<TorchServeProtocol {self._reader.client}, {'answering' if self._current else 'idle'}>"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a new connection."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._reader.client = (peer[0], peer[1]) if isinstance(peer, tuple) else None
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of what was being done for the client."""
        self._connections.discard(self)
        self._closing = True
        if self._gone is not None:
            self._gone.set_result(None)
        self.resume_writing()
        if self._reply is not None:
            self._reply.detach()
        if self._task is not None:
            self._task.cancel()
        self._reader.close()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes are to be written."""
        return self._address.scratch if self._closing else self._reader.room()

    def buffer_updated(self, nbytes: int) -> None:
        """Read what came."""
        self._heard = self._loop.time()
        if not self._closing:
            try:
                self._reader.received(nbytes)
            except InvalidRequest:
                self._say_invalid()

    def pause_writing(self) -> None:
        """Hold back: the client reads more slowly than we write."""
        self._held_back = asyncio.Event()

    def resume_writing(self) -> None:
        """Go on."""
        if self._held_back is not None:
            self._held_back.set()
            self._held_back = None

    @property
    def gone(self) -> asyncio.Future[None]:
        """Done when the connection is closed; for an open one."""
        if self._gone is None:
            self._gone = self._loop.create_future()
        return self._gone

    def close_if_silent(self) -> None:
        """Let go of a client that has said nothing for too long."""
        silent = self._loop.time() - self._heard
        if self._current is None and silent >= (PATIENCE if self._reader.in_message else self._keep_alive):
            self._transport.close()

    def shutdown(self) -> None:
        """Answer what is in progress or comes at once, and close; a client that says nothing is let go soon."""
        self._leaving = True
        self._loop.call_later(REST, self._rest)

    def abort(self) -> None:
        """Cut the connection."""
        self._transport.abort()

    def foresee(self, call: Call) -> None:
        """Refuse at its head what cannot be served; its body is dropped then."""
        self._address.foresee(call)

    def take(self, call: Call, keep: bool) -> None:
        """Answer a request now, or after those before it."""
        if self._current is None:
            self._start(call, keep)
        else:
            self._waiting.append((call, keep))
            self._transport.pause_reading()

    def encourage(self) -> None:
        """Ask for the body."""
        self._transport.write(CONTINUE)

    def refuse(self) -> None:
        """Tell at once that a body is too large, and give its client a moment to hear it."""
        self._address.note_refused()
        self._transport.write(refusal(self._address.limit))
        self._loop.call_later(LINGER, self._transport.close)

    def refused(self) -> None:
        """Close after a refusal."""
        self._closing = True
        self._transport.close()

    def _start(self, call: Call, keep: bool) -> None:
        self._current, self._keep, self._began = call, keep, perf_counter()
        try:
            reply = self._address.begin(call)
        except Exception as error:
            self._finish(self._address.failure(call, error))
            return
        if reply is not None:
            self._reply = reply
            reply.set_callback(self._replied)
            return
        self._task = self._loop.create_task(self._answer(call))
        self._tasks.add(self._task)
        self._task.add_done_callback(self._tasks.discard)

    def _replied(self, outcome: Output | ResponseStream | Exception) -> None:
        call, self._reply = self._current, None
        if call is None:
            return
        failed = outcome if isinstance(outcome, Exception) else None
        answer = (
            self._address.failure(call, failed) if failed else output_answer(cast("Output | ResponseStream", outcome))
        )
        if answer.stream is None:
            self._finish(answer)
            return
        self._task = self._loop.create_task(self._stream(call, answer))
        self._tasks.add(self._task)
        self._task.add_done_callback(self._tasks.discard)

    async def _answer(self, call: Call) -> None:
        answer = await self._address.answer(call)
        if answer.stream is None:
            self._finish(answer)
        else:
            await self._stream(call, answer)

    async def _stream(self, call: Call, answer: Answer) -> None:
        assert answer.stream is not None
        self._transport.write(head_of(answer, call.request_id, self._address.cors, close=False))
        self._address.note(call, answer.status, self._began)  # a stream is logged at its first piece
        try:
            async for piece in answer.stream:
                if self._held_back is not None:
                    await self._held_back.wait()
                self._transport.write(chunk_of(piece))
        except Exception:
            self._transport.close()  # without the last chunk: the client sees that the stream was cut
            return
        self._transport.write(LAST_CHUNK)
        self._next(close=self._is_last)

    def _finish(self, answer: Answer) -> None:
        call = self._current
        assert call is not None
        answer = sendable(answer)
        close = answer.status >= 400 or self._is_last or self._closing
        head = head_of(answer, call.request_id, self._address.cors, close=close)
        self._transport.write(head if call.method == "HEAD" else head + answer.body)
        self._address.note(call, answer.status, self._began)
        self._next(close)

    @property
    def _is_last(self) -> bool:
        """Whether the request in progress ends the connection."""
        return not self._keep or (self._leaving and not self._waiting)

    def _next(self, close: bool) -> None:
        self._current = self._task = None
        if close or self._closing:
            self._closing = True
            self._transport.close()
        elif self._waiting:
            self._current, keep = self._waiting.popleft()
            self._loop.call_soon(self._start_waiting, self._current, keep)

    def _start_waiting(self, call: Call, keep: bool) -> None:
        if not self._closing:
            if not self._waiting:
                self._transport.resume_reading()
            self._start(call, keep)

    def _say_invalid(self) -> None:
        self._closing = True
        if self._current is None:  # else the connection ends with the answer to that
            self._transport.write(head_of(INVALID, new_request_id(), self._address.cors, close=True) + INVALID.body)
            self._transport.close()
            call = Call(
                "GET", "/", b"", (), b"", target=b"/bad-request", http_version="1.0", client=self._reader.client
            )
            self._address.note(call, INVALID.status, perf_counter())  # TorchServe logs it as a request of that name

    def _rest(self) -> None:
        if self._current is None and not self._reader.in_message:
            self._transport.close()
