"""Admission of connections: so many in total, so many of one peer."""

from collections import Counter
from ipaddress import IPv6Network
from typing import NoReturn

from app.errors import ServerBusy
from app.http.limits.connection_limits import ConnectionLimits
from app.http.limits.refusal_log import RefusalLog

BUSY = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 1\r\nconnection: close\r\n\r\n"
"""The response to a connection that is refused."""


class Admission:
    """The connections of all addresses of a process, and the bytes that they hold."""

    def __init__(self, limits: ConnectionLimits, refusals: RefusalLog) -> None:
        self.limits = limits
        self.refusals = refusals
        self.receiving_bytes = 0
        """Bytes of requests that are not whole yet."""
        self.unsent_bytes = 0
        """Bytes of responses that wait for their clients."""
        self.total = 0
        self._by_peer: Counter[str] = Counter()
        self._handshakes: Counter[str | None] = Counter()

    def __repr__(self) -> str:
        return f"<Admission {self.total} connections of {len(self._by_peer)} peers>"

    def admit(self, peer: str | None) -> str:
        """Count a new connection; returns the limit that refuses it, or "". A unix socket has no peer."""
        reason = self._refusal(peer)
        if reason:
            self.refusals.add(reason)
            return reason
        self.total += 1
        if peer is not None:
            self._by_peer[peer] += 1
        return ""

    def release(self, peer: str | None) -> None:
        """Forget a connection that was admitted."""
        self.total -= 1
        if peer is not None:
            self._by_peer[peer] -= 1
            if not self._by_peer[peer]:
                del self._by_peer[peer]

    def admit_handshake(self, peer: str | None) -> str:
        """Count a connection that has yet to speak TLS, and is admitted once more when it has; returns as `admit`."""
        reason = self._refusal(peer, self._handshakes.total(), self._handshakes[peer])
        if reason:
            self.refusals.add(reason)
        else:
            self._handshakes[peer] += 1
        return reason

    def end_handshake(self, peer: str | None) -> None:
        """Forget a handshake that was admitted."""
        self._handshakes[peer] -= 1
        if not self._handshakes[peer]:
            del self._handshakes[peer]

    def refuse_request(self) -> NoReturn:
        """Raise ServerBusy, and count the request, since clients leave too much unread."""
        self.refusals.add("max_unsent_bytes")
        raise ServerBusy

    def _refusal(self, peer: str | None, handshakes: int = 0, handshakes_of_peer: int = 0) -> str:
        if self.total + handshakes >= self.limits.max_connections:
            return "max_connections"
        if peer is not None and self._by_peer[peer] + handshakes_of_peer >= self.limits.max_connections_per_peer:
            return "max_connections_per_peer"
        return ""


def peer_of(host: str) -> str:
    """The address that connections are counted by: of IPv6, the network of 64 bits that one customer has."""
    return str(IPv6Network((host.partition("%")[0], 64), strict=False)) if ":" in host else host
