"""HTTP/1.1 as TorchServe's clients see it, for uvicorn's `http=` option.

It does what uvicorn's own protocols cannot: header names as they were sent, reason phrases, TorchServe's own words for
bytes that are no HTTP. Predictions on the fast path cost neither a task nor a scope nor a second write; every other
request goes to the ASGI application.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine
from time import perf_counter
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.server import ServerState

from app.http.asgi_cycle import AsgiCycle
from app.http.connections import connections_of
from app.http.fast_path import Reply
from app.http.flow_control import DISCARD_SECONDS, FlowControlledProtocol
from app.http.limits.progress import Progress, ProgressClock
from app.http.parser import InvalidRequest, RequestParser
from app.http.request import HttpRequest
from app.http.response_head import (
    CONTINUE,
    INVALID_MESSAGE,
    LAST_CHUNK,
    payload_too_large,
    render_chunk,
    render_head,
    render_response,
    render_stream_head,
)
from app.http.responses import RawResponse, error_response, output_response
from app.http.scope import Connection, make_scope
from handler.job import Output
from model_registry.reply import ResponseStream

LOG = logging.getLogger("marserve.http")
SHUTDOWN_READ_SECONDS = 0.5
"""Time for which a stopping server still reads from an idle connection: a request may be on its way."""


class TorchServeProtocol(FlowControlledProtocol):
    """One connection. Requests are answered in the order in which they came; while one is, no more are read."""

    def __init__(
        self, config: Config, server_state: ServerState, app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:  # fmt: skip
        if not config.loaded:
            config.load()
        self._loop = _loop or asyncio.get_running_loop()
        self._connections = connections_of(config, server_state, app_state)
        self._fast_path = self._connections.fast_path
        super().__init__(self._fast_path.admission)
        self._parser = RequestParser(self, self._fast_path.body_limit, self._connections.receive_buffer)
        self._waiting: deque[tuple[HttpRequest, bool]] = deque()
        self._current: HttpRequest | None = None
        self._reply: Reply | None = None
        self._task: asyncio.Task[None] | None = None
        self._shutting_down = self._has_too_many = False
        self._number = 0
        self.clock = ProgressClock()

    def __repr__(self) -> str:
        return f"<TorchServeProtocol {self._parser.client}, {'answering' if self._current else 'idle'}>"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a new connection."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._parser.client = (peer[0], peer[1]) if isinstance(peer, tuple) else None
        self._facts = Connection.of(transport, self._fast_path.body_limit)
        reason = self.admit()
        if not reason:
            self._connections.add(self)
        elif reason == "max_connections":
            self._connections.shed_idle()

    def connection_lost(self, exc: Exception | None) -> None:
        """Abandon the work for a client that has disconnected."""
        self._connections.remove(self)
        self.release()
        if self._reply is not None:
            self._reply.detach()
        if self._task is not None:
            self._task.cancel()
        self._parser.close()

    def get_buffer(self, sizehint: int) -> memoryview:
        """The memory that the next bytes belong into."""
        return self._connections.receive_buffer if self._closing else self._parser.receive_buffer()

    def buffer_updated(self, nbytes: int) -> None:
        """Parse the bytes that came."""
        if self._closing:
            return
        try:
            self._parser.received(nbytes)
        except InvalidRequest:
            self._reject_invalid()
            return
        if self._parser.in_message:
            self.hold(nbytes)
        elif self._held_bytes:
            self.hold(-self._held_bytes)

    def progress(self) -> Progress:
        """The phase that the connection is in."""
        unsent = self._transport.get_write_buffer_size()
        if self._writable is not None or (unsent and (self._closing or self._current is None)):
            return Progress("unread", self._pauses, self._written - unsent)
        if self._current is not None:
            return Progress("response", self._number, 0)
        if self._parser.in_message:
            return Progress("head" if self._parser.in_head else "body", self._number, self._parser.body_size)
        return Progress("idle" if self._number else "head", self._number, 0)

    def on_writable(self) -> None:
        """Start a request that has waited."""
        if self._current is None:
            self._start_next()

    def shutdown(self) -> None:
        """Answer the requests in progress and those on their way, then close; an idle connection is closed soon."""
        self._shutting_down = True
        self._loop.call_later(SHUTDOWN_READ_SECONDS, self._close_between_requests)

    def reject_early(self, request: HttpRequest) -> None:
        """Reject at its head a request that cannot be served; its body is dropped then."""
        self._fast_path.reject_early(request)

    def on_request(self, request: HttpRequest, keep_alive: bool) -> None:
        """Answer a request now, or after those before it."""
        if self._current is None and self._writable is None:
            self._start(request, keep_alive)
        elif len(self._waiting) < self._admission.limits.max_pipelined:
            self._waiting.append((request, keep_alive))
            self._transport.pause_reading()
        elif not self._has_too_many:
            self._has_too_many = True
            self._admission.refusals.add("max_pipelined")

    def send_continue(self) -> None:
        """Have the client send its body."""
        self._transport.write(CONTINUE)

    def on_body_too_large(self) -> None:
        """Answer 413 at once, and leave the client a moment to read it."""
        self._fast_path.record_unlogged(413)
        head = render_head(413, b"Request Entity Too Large", payload_too_large(self._fast_path.body_limit))
        self._transport.write(head)
        self._loop.call_later(DISCARD_SECONDS, self._transport.close)

    def on_dropped_body_end(self) -> None:
        """Close after a 413."""
        self._closing = True
        self._transport.close()

    def _start(self, request: HttpRequest, keep_alive: bool) -> None:
        self._current, self._keep_alive, self._started = request, keep_alive, perf_counter()
        self._connections.state.total_requests += 1
        self._number += 1
        try:
            if self._admission.unsent_bytes > self._admission.limits.max_unsent_bytes:
                self._admission.refuse_request()
            reply = self._fast_path.submit(request)
        except Exception as error:
            self._finish(error_response(error, request.method, request.target))
            return
        if isinstance(reply, RawResponse):
            self._finish(reply)
        elif reply is not None:
            self._reply = reply
            reply.set_callback(self._on_outcome)
        else:
            self._run(self._run_app(request))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        tasks = self._connections.state.tasks
        self._task = self._loop.create_task(work)
        tasks.add(self._task)
        self._task.add_done_callback(tasks.discard)

    def _on_outcome(self, outcome: Output | ResponseStream | RawResponse | Exception) -> None:
        """Write the response; a failure on the way to the socket cuts the connection, for its client would wait."""
        request, reply, self._reply = self._current, self._reply, None
        if request is None:
            return
        try:
            if isinstance(outcome, Exception):
                headers = getattr(reply, "headers", ())
                self._finish(error_response(outcome, request.method, request.target, headers))
            else:
                self._respond(request, outcome)
        except Exception:
            LOG.exception("%s %s is not answered.", request.method, request.path)
            self.abort()

    def _respond(self, request: HttpRequest, outcome: Output | ResponseStream | RawResponse) -> None:
        if isinstance(outcome, RawResponse):
            self._finish(outcome)
        elif isinstance(outcome, ResponseStream):
            self._run(self._stream(request, outcome))
        elif outcome.headers or outcome.phrase or outcome.status != 200:
            self._finish(output_response(outcome))
        else:
            self._finish(RawResponse(200, outcome.body))

    async def _run_app(self, request: HttpRequest) -> None:
        scope = make_scope(request, self._facts, self._connections.config, self._connections.app_state)
        await AsgiCycle(request, self).run(self._connections.app, scope)

    async def _stream(self, request: HttpRequest, stream: ResponseStream) -> None:
        try:
            head = output_response(stream.first)
            self.write(render_stream_head(head, request.request_id, self._fast_path.cors))
            self._fast_path.record(request, head.status, self._started)
            async for piece in stream:
                await self.drain()
                self.write(render_chunk(piece))
        except Exception:
            self.end_response(close=True)  # without the last chunk: the client sees that the stream was cut
            return
        self.write(LAST_CHUNK)
        self.end_response(close=self._is_last)

    def _finish(self, response: RawResponse) -> None:
        request = self._current
        assert request is not None
        close = self.closes_after(response.status)
        self._transport.writelines(self._fast_path.render(response, request, close=close))
        self._fast_path.record(request, response.status, self._started)
        self.end_response(close=close)

    def closes_after(self, status: int) -> bool:
        """Whether a response of that status is the last on this connection."""
        path = self._fast_path
        is_final_error = status >= 400 and path.closes_after_errors and status not in path.kept_statuses
        return is_final_error or self._is_last or self._closing

    @property
    def _is_last(self) -> bool:
        """Whether the request in progress ends the connection."""
        return not self._keep_alive or ((self._shutting_down or self._has_too_many) and not self._waiting)

    def end_response(self, *, close: bool) -> None:
        """Close the connection, or go on to the next request."""
        self._current = self._task = None
        if close or self._closing:
            self._closing = True
            self._transport.close()
        else:
            self._start_next()

    def _start_next(self) -> None:
        """Start the next request if there is one, and its client has read the responses before it."""
        if self._waiting and self._writable is None and not self._closing:
            self._current, keep_alive = self._waiting.popleft()
            self._loop.call_soon(self._start_waiting, self._current, keep_alive)

    def _start_waiting(self, request: HttpRequest, keep_alive: bool) -> None:
        if not self._closing:
            if not self._waiting:
                self._transport.resume_reading()
            self._start(request, keep_alive)

    def _reject_invalid(self) -> None:
        self._closing = True
        if self._current is None:  # else the connection ends with the response to that
            # TorchServe logs it as a request of that name.
            request = HttpRequest("GET", "/", b"", (), target=b"/bad-request", http_version="1.0")
            request.client = self._parser.client
            cors = self._fast_path.cors
            self.write(render_response(INVALID_MESSAGE, request.request_id, cors, close=True, head_only=False))
            self._transport.close()
            self._fast_path.record(request, INVALID_MESSAGE.status, perf_counter())

    def _close_between_requests(self) -> None:
        if self._current is None and not self._parser.in_message:
            self._transport.close()
