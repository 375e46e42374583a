"""ASGI middleware around the routes: body limit, access log, common headers, authorization, escapes."""

from collections.abc import Sequence
from time import perf_counter

import anyio
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import (
    BadEscape,
    ForeignHost,
    ForeignOrigin,
    InvalidKey,
    ManagementLocked,
    PayloadTooLarge,
    describe_error,
)
from app.http.request import check_escapes, check_length
from app.http.response_head import payload_too_large, with_common_headers
from app.http.responses import Headers, TorchServeResponse, raw_error
from app.http.scope import header, is_whole, keeps_spelling, request_id, route_path, target
from app.model_server import ModelServer
from app.open_inference.errors import raw_message
from app.settings.model import Settings

MAX_DISCARDED_BYTES = 64 << 20
"""A rejected body is still read and dropped up to here, so that its client gets to see the response."""


OPEN_INFERENCE = "/v2/"
"""The beginning of paths whose clients are Triton's where repositories are served."""


class BodyLimit:
    """Reads bodies of at most `limit` bytes, and cancels a request whose client disconnects.

    TorchServeProtocol does both by itself, as bytes come; this is for other servers.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its whole body, or answer 413."""
        if scope["type"] != "http" or is_whole(scope, self.limit):
            await self.app(scope, receive, send)
            return
        try:
            body = await self._read(scope, receive)
        except PayloadTooLarge:
            ModelServer.of(scope).record_unlogged(413)
            await self._reject(receive, send)
        except ClientDisconnect:
            return
        else:
            await _until_disconnected(self.app, scope, body, receive, send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        for name, value in scope["headers"]:
            if name == b"content-length":
                check_length(value, self.limit)
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self.limit:
                raise PayloadTooLarge
        return bytes(body)

    async def _reject(self, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 413, "headers": list(payload_too_large(self.limit))})
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        remaining, more = MAX_DISCARDED_BYTES, True
        while more and remaining > 0:
            message = await receive()
            more = message["type"] != "http.disconnect" and message.get("more_body", False)
            remaining -= len(message.get("body", b""))
        await send({"type": "http.response.body", "body": b""})


async def _until_disconnected(app: ASGIApp, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
    """Run an application on a request that has been read; cancel it when the client disconnects."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_read() -> Message:
        if not messages:
            await anyio.sleep_forever()
        return messages.pop()

    async def watch(scope: anyio.CancelScope) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch, tasks.cancel_scope)
        await app(scope, receive_read, send)
        tasks.cancel_scope.cancel()


class AccessLog:
    """Counts and logs each request when its response starts."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, server, is_recorded = perf_counter(), ModelServer.of(scope), False

        def record(status: int) -> None:
            nonlocal is_recorded
            is_recorded = True
            server.record(scope["client"], scope["method"], target(scope), scope["http_version"], status, began)

        async def send_recorded(message: Message) -> None:
            if message["type"] == "http.response.start":
                record(message["status"])
            await send(message)

        try:
            await self.app(scope, receive, send_recorded)
        except Exception:
            if not is_recorded:
                record(500)  # Starlette's response to a defect
            raise


class CommonHeaders:
    """Adds a request id, TorchServe's headers against caches, and the configured ones for CORS to every response."""

    def __init__(self, app: ASGIApp, cors: Headers) -> None:
        self.app = app
        self.cors = cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; its id is in scope["state"]["request_id"]."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        own_id = scope.setdefault("state", {})["request_id"] = request_id(scope)

        async def send_complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = with_common_headers(message["headers"], own_id, self.cors)
                if not keeps_spelling(scope):
                    connection = b"close" if message["status"] >= 400 else b"keep-alive"
                    headers = (*((name.lower(), value) for name, value in headers), (b"connection", connection))
                message = {**message, "headers": headers}
            await send(message)

        await self.app(scope, receive, send_complete)


class Authorization:
    """Asks the access policy about each request to an address that serves these APIs, whatever its path."""

    def __init__(self, app: ASGIApp, apis: Sequence[str]) -> None:
        self.app = app
        self.apis = apis

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass an authorized request on; answer any other, and one whose path cannot be decoded, with an error."""
        app = self.app
        if scope["type"] == "http":
            try:
                server, path = ModelServer.of(scope), route_path(scope)
                server.access_policy.check_path(path, self.apis, header(scope, b"authorization"))
                if server.access_policy.api_of(path, self.apis) == "management":
                    server.origin_policy.check_scope(scope)
                check_escapes(target(scope).partition(b"?")[0].decode("latin-1"))
            except (InvalidKey, ManagementLocked, ForeignOrigin, ForeignHost, BadEscape) as error:
                described, is_triton = describe_error(error), server.settings.triton is not None
                is_triton = is_triton and route_path(scope).startswith(OPEN_INFERENCE)
                raw = raw_message(str(error), described.status) if is_triton else raw_error(described)
                app = TorchServeResponse(raw)
        await app(scope, receive, send)


def cors_headers(settings: Settings) -> Headers:
    """The configured headers for requests from other origins, as they are written."""
    configured = {
        b"access-control-allow-origin": settings.cors_allowed_origin,
        b"access-control-allow-methods": settings.cors_allowed_methods,
        b"access-control-allow-headers": settings.cors_allowed_headers,
    }
    return tuple((name, value.encode()) for name, value in configured.items() if value)
