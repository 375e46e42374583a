"""The console's feed: server-sent events, sampled once a second for all listeners, and only while there are any."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.console.configuration import describe_server
from app.console.load import is_load_allowed
from app.console.log_lines import LogLines
from app.console.sampler import Sampler
from app.model_server import ModelServer

INTERVAL_SECONDS = 1.0
SHARED_SECONDS = 0.5
"""Listeners share a sample that is no older than that."""


class Feed:
    """The listeners of one application, and the sampler that they share."""

    def __init__(self) -> None:
        self._listeners = 0
        self._sampler: Sampler | None = None
        self._log: LogLines | None = None
        self._sampled_at = 0.0
        self._event = b""

    def __repr__(self) -> str:
        return f"<Feed with {self._listeners} listeners>"

    @property
    def is_sampling(self) -> bool:
        """Whether there is a listener."""
        return self._sampler is not None

    @contextmanager
    def listening(self, server: ModelServer) -> Iterator[None]:
        """Have samples taken while the block runs."""
        if self._sampler is None:
            self._sampler, self._log, self._event = Sampler(server), LogLines(server.logs), b""
            self._sampler.start()
            self._log.start()
        self._listeners += 1
        try:
            yield
        finally:
            self._listeners -= 1
            if not self._listeners:
                assert self._log is not None
                self._sampler.stop()
                self._log.stop()
                self._sampler = self._log = None

    def latest(self) -> bytes:
        """The event with the latest sample, which is taken now if there is none that is fresh."""
        assert self._sampler is not None
        now = monotonic()
        if not self._event or now - self._sampled_at > SHARED_SECONDS:
            self._sampled_at = now
            self._event = encode_event("sample", self._sampler.sample())
        return self._event

    def log_after(self, number: int) -> tuple[bytes, int]:
        """An event with the lines of the log after the one of that number, b"" without any; the last line's number."""
        assert self._log is not None
        lines, missed = self._log.after(number)
        if not lines:
            return b"", number
        data = {"lines": [line.to_json() for line in lines], "missed": missed}
        return encode_event("log", data), lines[-1].number


class FeedResponse(Response):
    """An endless response: an event about the server, then each second one with a sample and one with the log's lines.

    It ends when the server begins to shut down, and when the client disconnects, which cancels it.
    """

    def __init__(self, feed: Feed) -> None:
        super().__init__(media_type="text/event-stream", headers={"x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._feed = feed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events."""
        server = ModelServer.of(scope)
        with self._feed.listening(server):
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            event, number = encode_event("server", describe_server(server, is_load_allowed(server, scope))), 0
            while not (server.shutdown_requested.is_set() or server.deadline.is_started):
                log, number = self._feed.log_after(number)
                event += self._feed.latest() + log
                await send({"type": "http.response.body", "body": event, "more_body": True})
                event = b""
                with anyio.move_on_after(INTERVAL_SECONDS):
                    await server.shutdown_requested.wait()
        await send({"type": "http.response.body", "body": b""})


def encode_event(name: str, data: Any) -> bytes:
    """A server-sent event with JSON as its data."""
    return f"event: {name}\ndata: {json.dumps(data, separators=(',', ':'), default=str)}\n\n".encode()
