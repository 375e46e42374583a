"""One request and its response through an ASGI application."""

import asyncio
from typing import Protocol

from starlette.types import ASGIApp, Message, Scope

from app.errors import reason
from app.http.request import HttpRequest
from app.http.response_head import LAST_CHUNK, render_chunk, render_head, render_response
from app.http.responses import error_response

CLOSE, KEEP_ALIVE = (b"connection", b"close"), (b"connection", b"keep-alive")
CHUNKED = (b"transfer-encoding", b"chunked")


class ResponseWriter(Protocol):
    """The connection that a response is written to."""

    def write(self, data: bytes) -> None:
        """Send bytes."""

    async def drain(self) -> None:
        """Return when the client has read enough for more to be written."""

    def closes_after(self, status: int) -> bool:
        """Whether a response of that status is the last on its connection."""

    def end_response(self, *, close: bool) -> None:
        """The response is complete, or (with `close`) has been cut."""


class AsgiCycle:
    """Gives an application one request, and writes its response; a short one in one piece with its head."""

    def __init__(self, request: HttpRequest, connection: ResponseWriter) -> None:
        self._request = request
        self._connection = connection
        self._start: Message | None = None
        self._is_read = self._is_head_written = self._is_complete = self._is_chunked = self._closes = False

    def __repr__(self) -> str:
        return f"<AsgiCycle of {self._request}>"

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        """Run the application; an error in the middle of its response cuts the connection."""
        try:
            await app(scope, self.receive, self.send)
            if not self._is_head_written:
                raise RuntimeError("The ASGI application returned without a response.")
        except Exception as error:
            if not self._is_head_written:
                self._respond_to(error)
        self._connection.end_response(close=self._closes or not self._is_complete)

    async def receive(self) -> Message:
        """The whole body; a client that disconnects then cancels the application."""
        if self._is_read:
            await asyncio.get_running_loop().create_future()
        self._is_read = True
        body = self._request.body
        return {"type": "http.request", "body": body if isinstance(body, bytes) else bytes(body), "more_body": False}

    async def send(self, message: Message) -> None:
        """Write a part of the response."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        if message["type"] != "http.response.body" or self._start is None or self._is_complete:
            raise RuntimeError(f"Unexpected ASGI message {message['type']!r}.")
        body, more = message.get("body", b""), message.get("more_body", False)
        if not self._is_head_written:
            head = self._render_head(self._start, None if more else len(body))
            self._connection.write(head + self._framed(body, more))
        else:
            await self._connection.drain()
            self._connection.write(self._framed(body, more))
        self._is_complete = not more

    def _framed(self, body: bytes, more: bool) -> bytes:
        if self._request.method == "HEAD":
            return b""
        if not self._is_chunked:
            return body
        return render_chunk(body) if more else render_chunk(body) + LAST_CHUNK

    def _render_head(self, start: Message, length: int | None) -> bytes:
        """The head of a response; without a `length`, its body comes in chunks unless the application names one."""
        status, headers = start["status"], list(start.get("headers", ()))
        self._is_head_written = True
        self._closes = self._connection.closes_after(status)
        names = {name.lower() for name, _ in headers}
        if b"content-length" not in names:
            self._is_chunked = length is None
            headers.append(CHUNKED if length is None else (b"content-length", b"%d" % length))
        if b"connection" not in names:
            headers.append(CLOSE if self._closes and not self._is_chunked else KEEP_ALIVE)
        phrase = start.get("reason")
        return render_head(status, reason(status).encode() if phrase is None else phrase, headers)

    def _respond_to(self, error: Exception) -> None:
        request = self._request
        response = error_response(error, request.method, request.target)
        head_only, self._is_head_written, self._is_complete, self._closes = request.method == "HEAD", True, True, True
        self._connection.write(render_response(response, request.request_id, (), close=True, head_only=head_only))
