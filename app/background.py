"""The background work of a server: flushing its logs, and reading the host's gauges."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from app.model_server import ModelServer

FLUSH_DELAY_SECONDS = 0.1
"""Time that a line of the access log may wait in memory."""


class LogFlusher:
    """Flushes the access log and the metrics soon after they were written to; no timer runs while nothing waits."""

    def __init__(self, server: ModelServer) -> None:
        self._access_log = server.logs.access
        self._metrics = server.metrics
        self._loop = asyncio.get_running_loop()
        self._is_scheduled = False

    def __repr__(self) -> str:
        return f"<LogFlusher, {'scheduled' if self._is_scheduled else 'idle'}>"

    def schedule(self) -> None:
        """Schedule a flush; for the event loop's thread."""
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_later(FLUSH_DELAY_SECONDS, self.flush)

    def schedule_from_thread(self) -> None:
        """Schedule a flush; for any thread."""
        self._loop.call_soon_threadsafe(self.schedule)

    def flush(self) -> None:
        """Write the lines and count the events that wait."""
        self._is_scheduled = False
        self._access_log.flush()
        self._metrics.flush()


@contextmanager
def flushing(server: ModelServer) -> Iterator[None]:
    """Have logs and metrics flushed while the block runs, and at its end."""
    flusher = LogFlusher(server)
    server.logs.access.on_pending = flusher.schedule
    server.metrics.log.on_pending = flusher.schedule_from_thread
    try:
        yield
    finally:
        server.metrics.log.on_pending = None
        flusher.flush()


async def observe_host(server: ModelServer) -> None:
    """Read the host's gauges at intervals, where they are lines of a log; a scrape reads them by itself."""
    settings = server.settings
    if settings.metrics_mode == "prometheus" or settings.disable_system_metrics:
        return
    while True:
        server.metrics.observe_host()
        await anyio.sleep(settings.metric_time_interval)
