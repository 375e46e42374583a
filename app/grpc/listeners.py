"""The gRPC listeners beside the addresses of HTTP: none, where they are not wanted or gRPC is not installed."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app.model_server import ModelServer

if TYPE_CHECKING:
    from app.grpc.server import GrpcListener

LOG = logging.getLogger("marserve.server")


TORCHSERVE_APIS = ("inference", "management")


def grpc_listeners(server: ModelServer, served: Sequence[str] = TORCHSERVE_APIS) -> "list[GrpcListener]":
    """The gRPC servers of those APIs that settings.grpc_apis names: one where they have the same address."""
    settings = server.settings
    apis = [api for api in settings.grpc_apis if api in served]
    if not apis:
        return []
    try:
        from app.grpc.server import GrpcListener, address
    except ImportError as error:
        LOG.info("gRPC is off: %s; `pip install 'marserve[grpc]'` adds it.", error)
        return []
    shared: dict[str, list[str]] = {}
    for api in apis:
        shared.setdefault(address(api, settings), []).append(api)
    return [GrpcListener(apis, server) for apis in shared.values()]


@asynccontextmanager
async def grpc_serving(server: ModelServer, served: Sequence[str] = TORCHSERVE_APIS) -> AsyncIterator[None]:
    """Serve these APIs over gRPC until the shutdown is requested or the block ends; raises CannotListen."""
    listeners = grpc_listeners(server, served)
    closing = asyncio.create_task(_close_at_shutdown(server, listeners))
    try:
        for listener in listeners:
            await listener.open()
        yield
    finally:
        closing.cancel()
        for listener in listeners:
            listener.close()
        await asyncio.gather(*(listener.drain(server.deadline.remaining()) for listener in listeners))


async def _close_at_shutdown(server: ModelServer, listeners: "list[GrpcListener]") -> None:
    await server.shutdown_requested.wait()
    for listener in listeners:
        listener.close()
