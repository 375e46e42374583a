"""The server's few timers: none runs unless there is something to do."""

import asyncio
from types import TracebackType

from app.model_server import ModelServer

FLUSH = 0.1
"""Seconds that a line of the access log may wait in memory."""


class PeriodicTasks:
    """Flushes the access log soon after it was written to, and (in log mode) reads the host's gauges at intervals."""

    def __init__(self, application: ModelServer) -> None:
        self._access = application.logs.access
        self._metrics = application.metrics
        settings = application.settings
        wanted = settings.metrics_mode != "prometheus" and not settings.disable_system_metrics
        self._interval = settings.metric_time_interval if wanted else None
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._flushing = False

    async def __aenter__(self) -> None:
        self._access.on_pending = self._flush_soon
        self._metrics.log.on_pending = lambda: self._loop.call_soon_threadsafe(self._flush_soon)
        if self._interval is not None:
            self._observe()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._metrics.log.on_pending = None
        self._flush()

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            self._loop.call_later(FLUSH, self._flush)

    def _flush(self) -> None:
        self._flushing = False
        self._access.flush()
        self._metrics.flush()

    def _observe(self) -> None:
        assert self._interval is not None
        self._metrics.observe_host()
        self._timer = self._loop.call_later(self._interval, self._observe)
