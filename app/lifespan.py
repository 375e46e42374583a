"""From settings to a running server and back: one context, so that start and end cannot drift apart."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from app.background import flushing, observe_host
from app.logging.files import configure
from app.logging.startup_log import log_configuration
from app.model_server import ModelServer
from app.reloading.reloader import follow_changes
from app.replicas.following import follow_state
from app.settings.model import Settings
from app.watchdog.watchdog import watching

GC_THRESHOLDS = (50_000, 20, 100)
"""Thresholds of the garbage collector. A window of landmarks is some 30,000 numbers: with Python's own 700, parsing one
sets off dozens of collections, which cost a worker half of its time."""


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[ModelServer]:
    """A started server; when the context ends, accepted requests are answered and all resources are released."""
    gc.set_threshold(*GC_THRESHOLDS)
    logs = configure(settings)
    server = ModelServer(settings, logs)
    log_configuration(settings, sum(device.kind == "cuda" for device in server.devices))
    failure: Exception | None = None
    with watching(server):
        try:
            with flushing(server):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(server.register_initial_models)
                    tasks.start_soon(server.load_repositories)
                    tasks.start_soon(observe_host, server)
                    tasks.start_soon(follow_changes, server)
                    tasks.start_soon(follow_state, server.registry, server.settings)
                    try:
                        yield server
                    except Exception as error:  # raised below: the task group would make an ExceptionGroup of it
                        failure = error
                    tasks.cancel_scope.cancel()
            if failure is not None:
                raise failure
        finally:
            await server.stop()
            logs.close()
