"""Connections have their time and their number; no other client waits for one that reads nothing."""

import asyncio
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeArchive
from tests.support.raw_connections import Endpoint, RawConnection, opened
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

BIG = 6_000_000  # more than the system keeps by itself
ANSWERS = f"""
    from ts.handler_utils.utils import send_intermediate_predict_response as send
    def handle(data, context):
        if not data:
            return None
        return [b"x" * {BIG} if row["body"] == b"big" else row["body"] for row in data]
"""


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Both event loops: each counts unsent bytes in its own way."""
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture(autouse=True)
def answers(archive: MakeArchive) -> None:
    archive("answers", ANSWERS)


def post(body: bytes, *lines: str, length: int | None = None) -> bytes:
    head = ["POST /predictions/answers HTTP/1.1", "Host: x", f"Content-Length: {length or len(body)}", *lines]
    return "".join(f"{line}\r\n" for line in head).encode() + b"\r\n" + body


async def ends(wire: RawConnection) -> bool:
    """Whether the server ends the connection, whatever it sends before."""
    try:
        while await asyncio.wait_for(wire.reader.read(1 << 16), 30):
            pass
    except ConnectionError:
        return True
    return True


@pytest.mark.parametrize("sent", [b"", b"GET /ping HTTP/1.1\r\nHost:"])
async def test_a_head_has_its_time(store: Path, sent: bytes) -> None:
    async with serving(store, client_header_timeout=0.3) as client, opened(client) as endpoint:
        wire = await endpoint.connect()
        wire.send(sent)
        assert await ends(wire)


async def test_a_head_that_drips_has_no_more_time(store: Path) -> None:
    async with serving(store, client_header_timeout=0.3) as client, opened(client) as endpoint:
        wire = await endpoint.connect()
        wire.send(b"GET /ping HTTP/1.1\r\nX: ")
        ended = asyncio.create_task(ends(wire))
        while not ended.done():
            wire.send(b"a")
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("framing", ["length", "chunks"])
async def test_a_body_that_drips_has_its_time(store: Path, framing: str) -> None:
    settings = {"client_body_timeout": 0.3, "min_transfer_rate": 100_000}
    async with serving(store, "answers.mar", **settings) as client, opened(client) as endpoint:
        wire = await endpoint.connect()
        chunked = b"POST /predictions/answers HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        wire.send(post(b"", length=1_000_000) if framing == "length" else chunked)
        ended = asyncio.create_task(ends(wire))
        while not ended.done():
            wire.send(b"a" if framing == "length" else b"1\r\na\r\n")
            await asyncio.sleep(0.02)


async def test_an_idle_connection_has_its_time_and_no_refusal(store: Path) -> None:
    async with serving(store, keepalive_timeout=0.3, marserve_metrics=True) as client, opened(client) as endpoint:
        wire = await endpoint.connect()
        wire.send("GET /ping HTTP/1.1\nHost: x\n\n")
        assert (await wire.answer())[0] == "HTTP/1.1 200 OK"
        assert await ends(wire)
        client.application.refusals.flush()
        assert 'reason="' not in (await client.http.get("/metrics")).text


async def unread(endpoint: Endpoint, stack: ExitStack, request: bytes) -> socket.socket:
    """A client that sends requests and reads nothing."""
    client = stack.enter_context(socket.socket())
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, ("127.0.0.1", endpoint.server.port))
    await loop.sock_sendall(client, request)
    return client


async def read_all(client: socket.socket) -> None:
    while await asyncio.get_running_loop().sock_recv(client, 1 << 20):
        pass


def connections(endpoint: Endpoint) -> list[Any]:
    return list(endpoint.server.server_state.connections)


@pytest.mark.parametrize("lines", [(), ("Connection: close",)])
async def test_a_response_that_nobody_reads_has_its_time(store: Path, lines: tuple[str, ...]) -> None:
    with ExitStack() as stack:
        async with (
            serving(store, "answers.mar", send_timeout=0.3, marserve_metrics=True) as client,
            opened(client) as endpoint,
        ):
            slow = await unread(endpoint, stack, post(b"big", *lines))
            while not connections(endpoint):
                await asyncio.sleep(0.01)
            while connections(endpoint):
                await asyncio.sleep(0.01)
            client.application.refusals.flush()
            assert 'marserve_refusals_total{reason="send_timeout",} 1.0' in (await client.http.get("/metrics")).text
            with pytest.raises(ConnectionResetError):  # the system has not kept the rest either
                await read_all(slow)


async def test_pipelined_answers_wait_until_those_before_them_are_read(store: Path) -> None:
    with ExitStack() as stack:
        async with serving(store, "answers.mar") as client, opened(client) as endpoint:
            slow = await unread(endpoint, stack, post(b"big") * 5)
            while not connections(endpoint) or connections(endpoint)[0].progress().phase != "unread":
                await asyncio.sleep(0.01)
            assert (await client.predict("answers", "next")).status_code == 200
            (connection,) = connections(endpoint)
            assert connection._transport.get_write_buffer_size() < 1.5 * BIG
            received = 0
            while received < 5 * BIG:
                received += len(await asyncio.get_running_loop().sock_recv(slow, 1 << 20))
            assert client.application.admission.unsent_bytes == 0


async def test_too_many_requests_in_advance_end_the_connection(store: Path) -> None:
    async with serving(store, "answers.mar") as client, opened(client) as endpoint:
        wire = await endpoint.connect()
        wire.send(post(b"a") * 1000)
        received = await asyncio.wait_for(wire.reader.read(), 30)
        assert 250 < received.count(b"HTTP/1.1 200") < 300


async def test_unread_responses_are_bounded_in_total(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.http.connections.STALLED_SECONDS", 0.0)
    with ExitStack() as stack:
        async with (
            serving(store, "answers.mar", max_unsent_bytes=3 * BIG, client_header_timeout=1) as client,
            opened(client) as endpoint,
        ):
            admission = client.application.admission
            for _ in range(10):
                await unread(endpoint, stack, post(b"big"))
            while admission.unsent_bytes <= 3 * BIG and len(connections(endpoint)) > 4:
                await asyncio.sleep(0.01)
            while admission.unsent_bytes > 3 * BIG:
                await asyncio.sleep(0.01)
            wire = await endpoint.connect()
            wire.send(post(b"small"))
            assert (await wire.answer())[2] == b"small"


async def test_requests_on_their_way_are_bounded_in_total(store: Path) -> None:
    async with serving(store, "answers.mar", max_receiving_bytes=1_000_000) as client, opened(client) as endpoint:
        wires = [await endpoint.connect() for _ in range(4)]
        for wire in wires[:-1]:
            wire.send(post(b"a" * 300_000, length=300_001))
            await wire.writer.drain()
        while client.application.admission.receiving_bytes < 900_000:
            await asyncio.sleep(0.01)
        wires[-1].send(post(b"a" * 300_000, length=300_001))
        assert (await wires[-1].head())[0] == "HTTP/1.1 503 Service Unavailable"
        assert await ends(wires[-1])
        for wire in wires[:-1]:
            wire.send(b"a")
            assert (await wire.answer())[0] == "HTTP/1.1 200 "
        assert client.application.admission.receiving_bytes == 0


async def connect_all(endpoint: Endpoint, count: int) -> list[RawConnection]:
    wires = [await endpoint.connect() for _ in range(count)]
    for wire in wires:
        wire.send("GET /ping HTTP/1.1\nHost: x\n\n")
    return wires


@pytest.mark.parametrize(
    "settings", [{"max_connections": 3, "max_connections_per_peer": 9}, {"max_connections_per_peer": 3}]
)
async def test_connections_beyond_the_limit_get_503(store: Path, settings: dict[str, int]) -> None:
    async with serving(store, marserve_metrics=True, **settings) as client, opened(client) as endpoint:
        wires = await connect_all(endpoint, 4)
        lines = [(await wire.head())[0] for wire in wires]
        assert lines == [*["HTTP/1.1 200 OK"] * 3, "HTTP/1.1 503 Service Unavailable"]
        assert await ends(wires[-1])
        client.application.refusals.flush()
        name = next(iter(settings))
        assert f'marserve_refusals_total{{reason="{name}",}} 1.0' in (await client.http.get("/metrics")).text


async def test_idle_connections_make_way_for_others(store: Path) -> None:
    async with serving(store, max_connections=10, max_connections_per_peer=99) as client, opened(client) as endpoint:
        for wire in await connect_all(endpoint, 10):
            await wire.answer()
        refused = await endpoint.connect()
        assert await ends(refused)
        (wire,) = await connect_all(endpoint, 1)
        assert (await wire.answer())[0] == "HTTP/1.1 200 OK"


async def test_what_a_connection_held_is_free_when_it_has_ended(store: Path) -> None:
    async with serving(store, "answers.mar") as client, opened(client) as endpoint:
        admission = client.application.admission
        wire = await endpoint.connect()
        wire.send(post(b"a" * 100_000, length=300_001))
        while not admission.receiving_bytes:
            await asyncio.sleep(0.01)
        assert admission.total == 1
        wire.writer.transport.abort()
        while admission.total:
            await asyncio.sleep(0.01)
        assert admission.receiving_bytes == 0
