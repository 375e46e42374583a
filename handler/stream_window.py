"""Chunks of a stream wait for their reader: the thread that makes them stops while too many are unread."""

import time
from collections.abc import Callable
from threading import Condition

MAX_UNREAD_BYTES = 4 << 20
MAX_UNREAD_CHUNKS = 1024
STALLED_SECONDS = 300.0
"""Time without a chunk that is read, after which a stream is closed; connections have shorter limits of their own."""


class StreamWindow:
    """The chunks of one stream that its client has not read yet; thread-safe."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._bytes = self._chunks = 0
        self._progressed_at = time.monotonic()
        self.is_closed = False
        """Set when the stream is no longer read: chunks are dropped."""
        self._on_open: Callable[[], object] | None = None

    def __repr__(self) -> str:
        return f"<StreamWindow {self._chunks} chunks, {self._bytes} bytes unread{', closed' if self.is_closed else ''}>"

    def add(self, size: int) -> None:
        """Count a chunk that is on its way to the client."""
        with self._changed:
            self._bytes += size
            self._chunks += 1

    def release(self, size: int) -> None:
        """Count a chunk that was read."""
        with self._changed:
            self._bytes -= size
            self._chunks -= 1
            self._progressed_at = time.monotonic()
            self._notify()

    def close(self) -> None:
        """Let the thread go on, whose chunks are dropped now."""
        with self._changed:
            self.is_closed = True
            self._notify()

    def wait(self, seconds: float) -> bool:
        """Block until another chunk may be made, at most so long; false if it may not yet."""
        with self._changed:
            has_room = self._changed.wait_for(self._has_room, seconds)
        if not has_room and time.monotonic() - self._progressed_at > STALLED_SECONDS:
            self.close()
        return has_room

    @property
    def unread_bytes(self) -> int:
        """The size of the chunks that are not read yet."""
        return self._bytes

    def call_when_open(self, function: Callable[[], object]) -> None:
        """Call the function, which does not block, once another chunk may be made: now, or later on some thread."""
        with self._changed:
            if self._has_room():
                function()
            else:
                self._on_open = function

    def _notify(self) -> None:
        self._changed.notify_all()
        if self._on_open is not None and self._has_room():
            function, self._on_open = self._on_open, None
            function()

    def _has_room(self) -> bool:
        return self.is_closed or (self._bytes < MAX_UNREAD_BYTES and self._chunks < MAX_UNREAD_CHUNKS)
