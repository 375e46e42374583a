"""From settings to a running server and back: one context, so that start and end cannot drift apart."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.background import PeriodicTasks
from app.logging.files import configure
from app.logging.startup_log import log_configuration
from app.model_server import ModelServer
from app.reloading.reloader import reloading
from app.settings.model import Settings

GC_THRESHOLDS = (50_000, 20, 100)
"""Thresholds of the garbage collector. A window of landmarks is some 30,000 numbers: with Python's own 700, parsing one
sets off dozens of collections, which cost a worker half of its time."""


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[ModelServer]:
    """A started server; when the context ends, accepted requests are answered and everything is put away."""
    gc.set_threshold(*GC_THRESHOLDS)
    logs = configure(settings)
    server = ModelServer(settings, logs)
    log_configuration(settings, sum(device.kind == "cuda" for device in server.devices))
    server.start()
    try:
        async with PeriodicTasks(server), reloading(server):
            yield server
    finally:
        await server.stop()
        logs.close()
