"""The limits of connections: how many, how slow, and how much they may leave unread. Defaults as nginx has them."""

import logging
import resource
from dataclasses import dataclass

from app.settings.model import Settings

LOG = logging.getLogger("marserve.http")
RESERVED_FILES = 256
"""File descriptors for everything that is no connection."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Times are seconds; a transfer has the time for its first byte, and one second more for each `min_rate` bytes."""

    client_header_timeout: float = 60
    client_body_timeout: float = 60
    send_timeout: float = 60
    min_transfer_rate: int = 1024
    max_connections: int = 8192
    max_connections_per_peer: int = 4096
    max_receiving_bytes: int = 1 << 30
    max_unsent_bytes: int = 256 << 20
    max_pipelined: int = 256


def raise_file_limit(connections: int) -> int:
    """Let the process open files for so many connections; returns for how many it can."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + RESERVED_FILES
    if soft < wanted:
        soft = min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft < wanted:
        LOG.warning("max_connections is %d: the process may open %d files.", soft - RESERVED_FILES, soft)
    return min(connections, max(1, soft - RESERVED_FILES))


def connection_limits(settings: Settings) -> ConnectionLimits:
    """The configured limits; lets the process open files for the connections."""
    connections = raise_file_limit(settings.max_connections)
    return ConnectionLimits(
        client_header_timeout=settings.client_header_timeout,
        client_body_timeout=settings.client_body_timeout,
        send_timeout=settings.send_timeout,
        min_transfer_rate=settings.min_transfer_rate,
        max_connections=connections,
        max_connections_per_peer=settings.max_connections_per_peer or max(1, connections // 2),
        max_receiving_bytes=settings.max_receiving_bytes,
        max_unsent_bytes=settings.max_unsent_bytes,
    )
