"""From settings to a running server and back: one context, so that start and end cannot drift apart."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.application import Application
from app.background import PeriodicTasks
from app.logging.files import configure
from app.logging.startup_log import log_configuration
from app.reload import reloading
from app.settings.model import Settings

SELDOM = (50_000, 20, 100)
"""Thresholds of the garbage collector. A window of landmarks is some 30,000 numbers: with Python's own 700, parsing one
sets off dozens of collections, which cost a worker half of its time."""


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Application]:
    """A started application; when the context ends, accepted requests are answered and everything is put away."""
    gc.set_threshold(*SELDOM)
    logs = configure(settings)
    application = Application(settings, logs)
    log_configuration(settings, sum(device.kind == "cuda" for device in application.devices))
    application.start()
    try:
        async with PeriodicTasks(application), reloading(application):
            yield application
    finally:
        await application.stop()
        logs.close()
