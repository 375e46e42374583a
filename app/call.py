"""One HTTP request as the routers see it: method, path segments, query, headers, and the whole body."""

from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope

from app.errors import PayloadTooLarge
from app.request_ids import new_request_id


class Disconnected(Exception):
    """The client left before its request was complete."""


class Call:
    """A request whose body has been read; header names are as the client wrote them where the server kept that."""

    def __init__(self, scope: Scope, body: bytes) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.body = body
        self.request_id = new_request_id()
        segments = scope["path"].split("/")[1:]
        if len(segments) > 1 and not segments[-1]:
            segments.pop()
        self.segments: list[str] = segments

    @cached_property
    def query(self) -> dict[str, str]:
        """The query parameters; the last of repeated ones wins."""
        return dict(parse_qsl(self.scope["query_string"].decode("latin-1"), keep_blank_values=True))

    @cached_property
    def query_list(self) -> list[tuple[str, str]]:
        """The query parameters in order, repeated ones included."""
        return parse_qsl(self.scope["query_string"].decode("latin-1"), keep_blank_values=True)

    @property
    def wire_headers(self) -> tuple[list[tuple[str, str]], bool]:
        """(name, value) of the headers, and whether names still have the client's spelling."""
        kept: Any = (self.scope.get("extensions") or {}).get("marserve.headers")
        pairs = kept if kept is not None else self.scope["headers"]
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs], kept is not None

    def header(self, name: bytes) -> str:
        """One header's value by its lower-case name, "" where it is missing."""
        return next((value.decode("latin-1") for key, value in self.scope["headers"] if key == name), "")


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body; raises PayloadTooLarge as soon as more than `limit` bytes are declared or have come."""
    for name, value in scope["headers"]:
        if name == b"content-length" and (not value.isdigit() or int(value) > limit):
            raise PayloadTooLarge
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return _within(body, limit)
    return await _read_rest(bytearray(body), receive, limit)


async def _read_rest(body: bytearray, receive: Receive, limit: int) -> bytes:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        body += message.get("body", b"")
        more = message.get("more_body", False)
        _within(body, limit)
    return bytes(body)


def _within(body: bytes | bytearray, limit: int) -> bytes:
    if len(body) > limit:
        raise PayloadTooLarge
    return body  # type: ignore[return-value]
