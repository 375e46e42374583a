"""From settings to a running server and back: one context, so that start and end cannot drift apart."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.application import Application
from app.housekeeping import Housekeeping
from app.logs import configure
from app.reload import reloading
from app.settings import Settings
from app.summary import announce


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Application]:
    """A started application; when the context ends, accepted requests are answered and everything is put away."""
    logs = configure(settings)
    application = Application(settings, logs)
    announce(settings, sum(device.kind == "cuda" for device in application.devices))
    application.start()
    try:
        async with Housekeeping(application), reloading(application):
            yield application
    finally:
        await application.stop()
        logs.close()
