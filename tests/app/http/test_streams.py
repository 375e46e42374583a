"""Streams wait for their readers, and end with them."""

import asyncio
import socket
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from handler.stream_window import MAX_UNREAD_BYTES
from tests.conftest import MakeArchive
from tests.support.raw_connections import Endpoint, opened
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

CHUNK = 500_000
CHUNKS = 200
STREAMS = f"""
    import threading
    from ts.handler_utils.utils import send_intermediate_predict_response as send
    SENT = vars(threading)["sent_by_the_test"]
    def handle(data, context):
        if not data:
            return None
        try:
            for number in range({CHUNKS}):
                send([b"x" * {CHUNK}] * len(data), context.request_ids, "", 200, context)
                SENT.append(number)
        except ConnectionError as error:
            SENT.append(error)
            raise
        return [b"end"] * len(data)
"""


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The numbers of the chunks that the handler has sent, and the error that it got."""
    chunks: list[Any] = []
    monkeypatch.setattr(threading, "sent_by_the_test", chunks, raising=False)
    return chunks


async def ask(endpoint: Endpoint, stack: ExitStack) -> socket.socket:
    client = stack.enter_context(socket.socket())
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, ("127.0.0.1", endpoint.server.port))
    await loop.sock_sendall(client, b"POST /predictions/streams HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx")
    return client


async def until_blocked(sent: list[Any]) -> int:
    """The number of chunks that the handler has sent when it sends no more."""
    while True:
        before = len(sent)
        await asyncio.sleep(0.3)
        if before and len(sent) == before:
            return before


async def test_a_handler_waits_for_a_reader_and_goes_on_with_it(
    store: Path, archive: MakeArchive, sent: list[Any]
) -> None:
    archive("streams", STREAMS)
    with ExitStack() as stack:
        async with serving(store, "streams.mar") as client, opened(client) as endpoint:
            slow = await ask(endpoint, stack)
            count = await until_blocked(sent)
            assert count * CHUNK < MAX_UNREAD_BYTES + 8_000_000  # of which the system keeps some
            received, end = b"", b""
            while not end.endswith(b"3\r\nend\r\n0\r\n\r\n"):
                received = await asyncio.get_running_loop().sock_recv(slow, 1 << 20)
                end = (end + received)[-20:]
            assert len(sent) == CHUNKS


@pytest.mark.parametrize("reads", [True, False])
async def test_a_handler_is_told_when_its_client_has_left(
    store: Path, archive: MakeArchive, sent: list[Any], reads: bool
) -> None:
    archive("streams", STREAMS)
    with ExitStack() as stack:
        async with serving(store, "streams.mar") as client, opened(client) as endpoint:
            leaving = await ask(endpoint, stack)
            if reads:
                await asyncio.get_running_loop().sock_recv(leaving, 100)
            else:
                await until_blocked(sent)
            leaving.close()
            while not sent or not isinstance(sent[-1], ConnectionError):
                await asyncio.sleep(0.01)
            assert len(sent) < CHUNKS
            (worker,) = client.application.registry.resolve("streams").pool.workers
            while worker.batch is not None:
                await asyncio.sleep(0.01)
            assert not worker.abandoned
