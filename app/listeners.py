"""What listens for gRPC beside the addresses of HTTP: nothing, where that is not wanted or not installed."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app.application import Application

if TYPE_CHECKING:
    from app.grpc.server import GrpcListener

LOG = logging.getLogger("marserve.server")


def grpc_listeners(application: Application) -> "list[GrpcListener]":
    """The gRPC servers of the APIs that settings.grpc_apis names: one where they have the same address."""
    settings = application.settings
    if not settings.grpc_apis:
        return []
    try:
        from app.grpc.server import GrpcListener, address
    except ImportError as error:
        LOG.info("gRPC is off: %s; `pip install 'marserve[grpc]'` adds it.", error)
        return []
    shared: dict[str, list[str]] = {}
    for api in settings.grpc_apis:
        shared.setdefault(address(api, settings), []).append(api)
    return [GrpcListener(apis, application) for apis in shared.values()]


@asynccontextmanager
async def grpc_serving(application: Application) -> AsyncIterator[None]:
    """Serve gRPC where another server listens for HTTP; raises OSError for an address that is taken."""
    listeners = grpc_listeners(application)
    try:
        for listener in listeners:
            await listener.open()
        yield
    finally:
        for listener in listeners:
            listener.close()
        await asyncio.gather(*(listener.drain(application.settings.drain_timeout) for listener in listeners))
