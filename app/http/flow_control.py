"""Flow control of a connection: the bytes that it holds of a request, and those of responses that are not read yet."""

import asyncio
from abc import abstractmethod

from app.http.limits.admission import BUSY, Admission, peer_of
from app.http.limits.progress import Phase
from app.http.sockets import discard_unsent

DISCARD_SECONDS = 2.0
"""Time for which a rejected body is still read and dropped, so that its client gets to see the response."""


class FlowControlledProtocol(asyncio.BufferedProtocol):
    """The transport's side of a connection, and its parts of the limits that all connections share."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._transport: asyncio.Transport = None  # type: ignore[assignment] # until connection_made
        self._writable: asyncio.Event | None = None
        self._closing = self._is_admitted = False
        self._peer: str | None = None
        self._pauses = self._written = self._held_bytes = self._unsent_bytes = 0

    @abstractmethod
    def on_writable(self) -> None:
        """Go on: the client has read what was held back."""

    def admit(self) -> str:
        """Count the connection; else refuse it, and return the name of the limit that it exceeds."""
        name = self._transport.get_extra_info("peername")
        self._peer = peer_of(name[0]) if isinstance(name, tuple) else None
        reason = self._admission.admit(self._peer)
        self._is_admitted = not reason
        if reason:
            self._closing = True
            self._transport.write(BUSY)
            self._transport.close()
        return reason

    def release(self) -> None:
        """Return the parts of a connection that is lost."""
        self._closing = True
        if self._is_admitted:
            self._admission.release(self._peer)
        self.hold(-self._held_bytes)
        self.resume_writing()

    def pause_writing(self) -> None:
        """Hold back what follows: the client reads more slowly than it comes."""
        self._writable = asyncio.Event()
        self._pauses += 1
        self._unsent_bytes = self._transport.get_write_buffer_size()
        self._admission.unsent_bytes += self._unsent_bytes

    def resume_writing(self) -> None:
        """Write on."""
        self._admission.unsent_bytes -= self._unsent_bytes
        self._unsent_bytes = 0
        if self._writable is not None:
            self._writable.set()
            self._writable = None
        self.on_writable()

    def write(self, data: bytes) -> None:
        """Send bytes to the client."""
        self._written += len(data)
        self._transport.write(data)

    async def drain(self) -> None:
        """Return when the client has read enough for more to be written."""
        if self._writable is not None:
            await self._writable.wait()

    def cut(self, phase: Phase) -> None:
        """End the connection: at once if a response is not read, else with what is on its way."""
        self._closing = True
        if phase == "unread":
            discard_unsent(self._transport)
            self._transport.abort()
        else:
            self._transport.close()

    def abort(self) -> None:
        """Cut the connection."""
        self._transport.abort()

    def hold(self, count: int) -> None:
        """Count bytes of a request that is not whole yet, and refuse it beyond the limit of all connections."""
        admission = self._admission
        self._held_bytes += count
        admission.receiving_bytes += count
        if count > 0 and admission.receiving_bytes > admission.limits.max_receiving_bytes:
            admission.refusals.add("max_receiving_bytes")
            self._closing = True
            self._transport.write(BUSY)
            asyncio.get_running_loop().call_later(DISCARD_SECONDS, self._transport.close)
