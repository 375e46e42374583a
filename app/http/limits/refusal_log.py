"""Connections and requests that are refused or cut: counted at once, and logged once a second."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable

LOG = logging.getLogger("marserve.http")
LOG_INTERVAL_SECONDS = 1.0
PHRASES = {
    "max_connections": "connections beyond max_connections",
    "max_connections_per_peer": "connections beyond max_connections_per_peer",
    "client_header_timeout": "heads that took longer than client_header_timeout",
    "client_body_timeout": "bodies slower than client_body_timeout and min_transfer_rate allow",
    "send_timeout": "responses read more slowly than send_timeout and min_transfer_rate allow",
    "max_receiving_bytes": "requests beyond max_receiving_bytes in total",
    "max_unsent_bytes": "requests or unread responses beyond max_unsent_bytes in total",
    "tls_handshake_timeout": "TLS handshakes that took longer than tls_handshake_timeout",
    "max_pipelined": "connections with too many requests in advance",
}


class RefusalLog:
    """Counts by reason, one of PHRASES; `record` takes each reason and the number of the last second."""

    def __init__(self, record: Callable[[str, int], None] = lambda reason, count: None) -> None:
        self._record = record
        self._recent: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"<RefusalLog {dict(self._recent)} not logged>"

    def add(self, reason: str) -> None:
        """Count one; for the event loop's thread."""
        if not self._recent:
            asyncio.get_running_loop().call_later(LOG_INTERVAL_SECONDS, self.flush)
        self._recent[reason] += 1

    def flush(self) -> None:
        """Record and log those of the last second."""
        recent, self._recent = self._recent, Counter()
        for reason, count in recent.items():
            self._record(reason, count)
        if recent:
            LOG.warning("Refused: %s.", ", ".join(f"{count} {PHRASES[reason]}" for reason, count in recent.items()))
