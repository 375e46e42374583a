"""Replicas in one event loop, which share a state."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, cast

from model_registry.state.shared_registry import SharedRegistry
from tests.support.serving import Client, serving

SERVES = "def handle(data, context):\n    return data and ['{0}'] * len(data)\n"
INTERVAL = 0.02


@asynccontextmanager
async def replicas(store: Path, state: Path | str, count: int, **options: Any) -> AsyncIterator[list[Client]]:
    """So many servers of one model store and one state."""
    settings = {
        "one_port": True,
        "state": str(state),
        "state_interval": INTERVAL,
        "model_cache": store.parent / "cache",
        **options,
    }
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(serving(store, **settings)) for _ in range(count)]
        for client in clients:
            await registry_of(client).started.wait()
        yield clients


def registry_of(client: Client) -> SharedRegistry:
    """The registry of a replica."""
    return cast("SharedRegistry", client.application.registry)


async def converged(clients: list[Client]) -> None:
    """Wait until all replicas have the newest revision of all."""
    newest = max(registry_of(client).stored_revision for client in clients)
    for client in clients:
        while registry_of(client).applied_revision < newest:
            assert not registry_of(client).state_error, registry_of(client).state_error
            await asyncio.sleep(0.01)
