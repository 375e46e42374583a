"""An address of the server: authorize, route, answer, count, log; and all that as an ASGI application."""

import logging
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Protocol

from starlette.types import Receive, Scope, Send

from app.errors import TABLE, PayloadTooLarge, ResourceNotFound, wire
from app.http.parser import SCRATCH
from app.http.presence import cancelled_when_gone
from app.http.request import Call, Disconnected, check_escapes, read_body
from app.http.response_head import headers_of, sendable, too_large
from app.http.responses import Answer, Headers, error_answer
from app.logging.access_log import AccessLog
from handler.errors import PredictionRefused
from handler.metrics.server_metrics import Metrics
from model_registry.reply import PendingReply

LOG = logging.getLogger("marserve.http")
LINGER = 64 << 20
"""Bytes of a refused body that are still read and dropped, so that the client gets to see the refusal."""


class Router(Protocol):
    """One API: answers the calls it knows, and gives None for those of another."""

    async def answer(self, call: Call) -> Answer | None: ...


Guard = Callable[[Call], None]
"""Raises when a call carries no valid token."""


class Quick(Protocol):
    """Knows the calls whose answers need no task of their own."""

    def begin(self, call: Call) -> PendingReply | None:
        """Begin such a call; None for any other."""

    def foresee(self, call: Call) -> Exception | None:
        """Why a call will be refused, whatever its body is, which has not come yet; None where nobody knows."""


class Address:
    """Serves the given APIs, in this order, on one address. `limit` bounds a body, in bytes."""

    def __init__(
        self, routers: Sequence[Router], guard: Guard, limit: int, metrics: Metrics, log: AccessLog, cors: Headers = (),
        quick: Quick | None = None,
    ) -> None:  # fmt: skip
        self.limit = limit
        self.scratch = memoryview(bytearray(SCRATCH))
        """Where connections receive, one at a time."""
        self.cors = cors
        self._routers = routers
        self._guard = guard
        self._metrics = metrics
        self._log = log
        self._quick = quick

    def begin(self, call: Call) -> PendingReply | None:
        """Begin a call that is answered without a task of its own; None: await `answer`. Raises as routers do."""
        self._guard(call)
        if call.refusal is not None:
            try:
                raise call.refusal
            finally:
                call.refusal = None  # whose traceback leads to the call
        return self._quick.begin(call) if self._quick is not None else None

    def foresee(self, call: Call) -> None:
        """Refuse a call before its body has come, where it would be refused anyway."""
        call.refusal = self._quick.foresee(call) if self._quick is not None else None

    async def answer(self, call: Call) -> Answer:
        """The answer to any call; errors are answers too."""
        try:
            self._guard(call)
            check_escapes(call.target.partition(b"?")[0].decode("latin-1"))
            for router in self._routers:
                answer = await router.answer(call)
                if answer is not None:
                    return answer
            raise ResourceNotFound
        except Exception as error:
            return self.failure(call, error)

    def failure(self, call: Call, error: BaseException) -> Answer:
        """How an error is answered; what the table does not know is logged, and tells the client nothing."""
        if not isinstance(error, Exception):
            raise error
        if not isinstance(error, PredictionRefused) and not any(kind in TABLE for kind in type(error).__mro__):
            LOG.error("%s %s failed.", call.method, call.target.decode("latin-1"), exc_info=error)
        return error_answer(wire(error))

    def note(self, call: Call, status: int, began: float) -> None:
        """Count and log an answered call that came at `began` (perf_counter seconds)."""
        self._metrics.record_status(status)
        self._log.write(call.client, call.method, call.target, call.http_version, status, began)

    def note_refused(self) -> None:
        """Count a body that was too large; TorchServe does not log those."""
        self._metrics.record_status(413)
        self._metrics.flush()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request as an ASGI application."""
        if scope["type"] != "http":
            return
        began = perf_counter()
        try:
            call = Call.of(scope, await read_body(scope, receive, self.limit))
            with cancelled_when_gone(receive):
                answer = await self.answer(call)
                await self._send(call, answer, send)
        except Disconnected:
            return
        except PayloadTooLarge:
            self.note_refused()
            await _refuse_body(receive, send, self.limit)
        else:
            self.note(call, answer.status, began)

    async def _send(self, call: Call, answer: Answer, send: Send) -> None:
        answer = sendable(answer)
        headers = headers_of(answer, call.request_id, self.cors)
        if answer.stream is None:
            headers.append((b"content-length", str(len(answer.body)).encode()))
        headers.append((b"connection", b"close" if answer.status >= 400 else b"keep-alive"))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if answer.stream is None:
            await send({"type": "http.response.body", "body": answer.body})
            return
        async for piece in answer.stream:  # an error here cuts the connection, as TorchServe does
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _refuse_body(receive: Receive, send: Send, limit: int) -> None:
    await send({"type": "http.response.start", "status": 413, "headers": list(too_large(limit))})
    await send({"type": "http.response.body", "body": b"", "more_body": True})
    left, more = LINGER, True
    while more and left > 0:
        message = await receive()
        more = message["type"] != "http.disconnect" and message.get("more_body", False)
        left -= len(message.get("body", b""))
    await send({"type": "http.response.body", "body": b""})
