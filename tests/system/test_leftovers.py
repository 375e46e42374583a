"""Ended connections leave nothing in memory that waits for the garbage collector."""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.http.parser import RequestParser
from app.http.protocol import TorchServeProtocol
from handler.job import Part
from handler.workers.batch_context import KEPT_BODY_BYTES
from tests.conftest import MakeArchive
from tests.support.raw_connections import Endpoint, opened
from tests.support.serving import serving

pytestmark = pytest.mark.anyio
SERVES = "def handle(data, context):\n    return data and ['served'] * len(data)\n"
PING = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"
MARK = b"idle"
KINDS = (TorchServeProtocol, RequestParser)


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Both event loops: each holds a protocol in its own way."""
    return "asyncio", {"use_uvloop": request.param}


@contextmanager
def collected() -> Iterator[list[Any]]:
    """A list that has, after the block, what only the garbage collector could have freed."""
    found: list[Any] = []
    gc.collect()
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found += [each for each in gc.garbage if isinstance(each, KINDS)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def post(path: str, size: int) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode() + b"x" * size


async def converse(endpoint: Endpoint, *requests: bytes, close: bool) -> None:
    """Send one request after the other, and wait until the connection has ended."""
    wire = await endpoint.connect()
    for request in requests:
        wire.send(request)
        await wire.answer()
    if close:
        wire.writer.close()
    else:
        assert await wire.is_closed()
    while endpoint.server.server_state.connections:
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("requests", "close"),
    [
        ((), True),
        ((PING, PING), True),
        ((post("/predictions/serves", 5), post("/predictions/serves", 300_000)), True),
        ((post("/predictions/serves/1.0", 5), post("/predictions/serves/1.0", 300_000)), True),
        ((post("/predictions/nothing", 5),), False),
        ((post("/predictions/nothing", 300_000),), False),
        ((post("/predictions/idle", 5),), False),
        ((post("/predictions/idle", 300_000),), False),
        ((post("/ping", 10_000_000)[:1000],), True),
        ((b"nonsense\r\n\r\n",), False),
    ],
    ids=[
        "nothing",
        "pings",
        "predictions",
        "predictions of a version",
        "404",
        "large 404",
        "503",
        "large 503",
        "413",
        "400",
    ],
)
async def test_connections_that_have_ended_leave_no_garbage(
    store: Path, archive: MakeArchive, requests: tuple[bytes, ...], close: bool
) -> None:
    archive("serves", SERVES)
    archive("idle", SERVES)
    async with serving(store, "serves.mar", "idle.mar") as client, opened(client) as endpoint:
        await client.manage("PUT", "/models/idle", min_worker=0)
        await converse(endpoint, PING, close=True)  # what is made once is made now
        with collected() as garbage:
            for _ in range(5):
                await converse(endpoint, *requests, close=close)
        assert garbage == []


async def test_clients_that_go_away_amid_a_body_leave_no_garbage(store: Path) -> None:
    async with serving(store) as client, opened(client) as endpoint:
        with collected() as garbage:
            for part in (10, 1000, 100_000, 299_999):
                wire = await endpoint.connect()
                await wire.send_in_pieces(post("/predictions/nothing", 300_000)[:part], 9973)
                wire.writer.transport.abort()
                while endpoint.server.server_state.connections:
                    await asyncio.sleep(0)
        assert garbage == []


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/octet-stream"])
async def test_an_idle_model_keeps_no_large_body(store: Path, archive: MakeArchive, content_type: str) -> None:
    archive("serves", SERVES, config="batchSize: 4\nmaxBatchDelay: 50\n")
    async with serving(store, "serves.mar") as client, opened(client) as endpoint:
        wires = [await endpoint.connect() for _ in range(6)]
        for wire in wires:
            body = b'"%s"' % (MARK * KEPT_BODY_BYTES)
            head = f"Host: x\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
            wire.send(f"POST /predictions/serves HTTP/1.1\r\n{head}".encode() + body)
        for wire in wires:
            assert (await wire.answer())[0].startswith("HTTP/1.1 200")
        async with asyncio.timeout(10):  # the worker's thread lets go of a batch when it has been answered
            while any(type(each) is Part and MARK in each.value for each in gc.get_objects()):
                await asyncio.sleep(0.01)


def test_what_is_left_over_would_be_seen() -> None:
    """The tests above find nothing; this is how they would find something."""

    class Circle(RequestParser):
        def __init__(self) -> None:
            self.itself = self
            self.in_message = False

    with collected() as garbage:
        Circle()
    assert [type(each) for each in garbage] == [Circle]
