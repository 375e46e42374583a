"""One event loop for all tests of gRPC.

grpc.aio has one queue of events for the process and hands each event to the loop of its call: an event of a loop that
was closed meanwhile, say of a cancelled stream, raises in whichever loop reads the queue.
"""

from collections.abc import AsyncIterator

import pytest


@pytest.fixture(scope="package")
def anyio_backend() -> str:
    """The event loop that the server is written for."""
    return "asyncio"


@pytest.fixture(scope="package", autouse=True)
async def event_loop(anyio_backend: str) -> AsyncIterator[None]:
    """The loop, kept open until the last of these tests has ended."""
    yield  # noqa: PT022 - what returned would not hold the loop
