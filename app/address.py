"""An address of the server as an ASGI application: read, authorize, route, answer, count, log."""

import logging
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Protocol

from starlette.types import Message, Receive, Scope, Send

from app.access_log import AccessLog
from app.answers import Answer, Headers, error_answer
from app.call import Call, Disconnected, read_body
from app.errors import TABLE, PayloadTooLarge, ResourceNotFound, wire
from app.presence import cancelled_when_gone
from handler.errors import HandlerError, PredictionRefused
from handler.metrics import Metrics

LOG = logging.getLogger("marserve.http")
LINGER = 64 << 20
"""Bytes of a refused body that are still read and dropped, so that the client gets to see the refusal."""


class Router(Protocol):
    """One API: answers the calls it knows, and gives None for those of another."""

    async def answer(self, call: Call) -> Answer | None: ...


Guard = Callable[[Call], None]
"""Raises when a call carries no valid token."""


class Address:
    """Serves the given APIs, in this order, on one address."""

    def __init__(
        self, routers: Sequence[Router], guard: Guard, limit: int, metrics: Metrics, log: AccessLog, cors: Headers = ()
    ) -> None:
        self._routers = routers
        self._guard = guard
        self._limit = limit
        self._metrics = metrics
        self._log = log
        self._cors = cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        began = perf_counter()
        try:
            call = Call(scope, await read_body(scope, receive, self._limit))
        except Disconnected:
            return
        except PayloadTooLarge:
            self._metrics.response(413)
            await _refuse_body(receive, send, self._limit)
            return
        try:
            with cancelled_when_gone(scope, receive):
                answer = await self._answer(call)
                await self._send(answer, call, send, began)
        except Disconnected:
            return  # nobody is there to be answered

    async def _answer(self, call: Call) -> Answer:
        try:
            self._guard(call)
            for router in self._routers:
                answer = await router.answer(call)
                if answer is not None:
                    return answer
            raise ResourceNotFound
        except Exception as error:
            if not isinstance(error, PredictionRefused) and not any(kind in TABLE for kind in type(error).__mro__):
                LOG.exception("%s %s failed.", call.method, call.scope["path"])
            return error_answer(wire(error))

    async def _send(self, answer: Answer, call: Call, send: Send, began: float) -> None:
        start = self._head(answer, call)
        await send(start)
        self._metrics.response(answer.status)
        if answer.stream is None:
            await send({"type": "http.response.body", "body": answer.body})
        elif not await self._send_pieces(answer, send):
            return
        scope = call.scope
        self._log.write(
            scope["client"], call.method, _target(scope), scope["http_version"], answer.status,
            int((perf_counter() - began) * 1000),
        )  # fmt: skip

    def _head(self, answer: Answer, call: Call) -> Message:
        headers = [
            *answer.headers,
            *(header for header in self._cors if header[0] not in dict(answer.headers)),
            (b"x-request-id", call.request_id.encode()),
            (b"pragma", b"no-cache"),
            (b"cache-control", b"no-cache; no-store, must-revalidate, private"),
            (b"expires", b"Thu, 01 Jan 1970 00:00:00 UTC"),
        ]
        if answer.stream is None:
            headers.append((b"content-length", str(len(answer.body)).encode()))
        headers.append((b"connection", b"close" if answer.status >= 400 else b"keep-alive"))
        return {"type": "http.response.start", "status": answer.status, "headers": headers, "reason": answer.reason}

    async def _send_pieces(self, answer: Answer, send: Send) -> bool:
        assert answer.stream is not None
        try:
            async for piece in answer.stream:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except HandlerError as error:
            raise BrokenStream from error
        await send({"type": "http.response.body", "body": b""})
        return True


class BrokenStream(Exception):
    """A stream ended with an error after its first piece: the connection has to end without a proper end."""


async def _refuse_body(receive: Receive, send: Send, limit: int) -> None:
    headers = [(b"content-length", b"0"), (b"connection", b"close")]
    headers.append((b"x-marserve-reason", b"the body exceeds max_request_size=%d" % limit))
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": True})
    left = LINGER
    while left > 0:
        message = await receive()
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            break
        left -= len(message.get("body", b""))
    await send({"type": "http.response.body", "body": b""})


def _target(scope: Scope) -> str:
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    return (raw + b"?" + query if query else raw).decode("latin-1")
