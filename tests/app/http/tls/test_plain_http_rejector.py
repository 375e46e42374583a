"""An https address over real sockets."""

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from app.server import Server
from tests.conftest import MakeArchive
from tests.support.raw_connections import opened, trusting
from tests.support.serving import serving

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command"),
]
SAYS = "def handle(data, context):\n    return data and ['said' for _ in data]\n"
ASKS = b"POST /predictions/says HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
REFUSED = (
    b"HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\nPragma: no-cache\r\n"
    b"Cache-Control: no-cache; no-store, must-revalidate, private\r\nExpires: Thu, 01 Jan 1970 00:00:00 UTC\r\n"
    b"content-length: 71\r\nconnection: close\r\n\r\n"
    b'{\n  "status": "This TorchServe instance only accepts HTTPS requests"\n}\n'
)


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Both event loops: they hand connections over in different ways."""
    return "asyncio", {"use_uvloop": request.param}


@asynccontextmanager
async def listening(store: Path, **settings: Any) -> AsyncIterator[Server]:
    async with serving(store, "says.mar", **settings) as client, opened(client, "https") as endpoint:
        yield endpoint.server


async def exchange(server: Server, sent: bytes, *, tls: ssl.SSLContext | None = None) -> bytes:
    """All that comes back until the server closes, or until an answer's body has come."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=tls)
    writer.write(sent)
    try:
        if tls is None:
            return await asyncio.wait_for(reader.read(), 30)
        return await asyncio.wait_for(reader.readuntil(b"said"), 30)
    finally:
        writer.close()


async def test_predictions_come_through_tls_side_by_side(store: Path, archive: MakeArchive) -> None:
    archive("says", SAYS)
    async with listening(store) as server:
        answers = await asyncio.gather(*(exchange(server, ASKS, tls=trusting()) for _ in range(20)))
    assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers)


async def test_plain_http_is_told_to_come_with_tls(store: Path, archive: MakeArchive) -> None:
    archive("says", SAYS)
    async with listening(store) as server:
        for sent in (b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n", ASKS[:-1], b"nonsense"):
            assert await exchange(server, sent) == REFUSED


async def test_what_only_begins_like_tls_gets_no_answer(store: Path, archive: MakeArchive) -> None:
    archive("says", SAYS)
    async with listening(store) as server:
        assert b"HTTP" not in await exchange(server, b"\x16nonsense\r\n\r\n")
        assert (await exchange(server, ASKS, tls=trusting())).endswith(b"said")


async def test_who_says_nothing_keeps_nobody_waiting(store: Path, archive: MakeArchive) -> None:
    archive("says", SAYS)
    async with listening(store) as server:
        silent = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(3)]
        silent[0][1].close()
        assert (await exchange(server, ASKS, tls=trusting())).endswith(b"said")
        for _, writer in silent:
            writer.close()


async def test_silent_connections_are_limited_in_number_and_time(store: Path, archive: MakeArchive) -> None:
    archive("says", SAYS)
    async with listening(store, max_connections_per_peer=2, tls_handshake_timeout=0.5) as server:
        silent = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(2)]
        with pytest.raises((ConnectionError, ssl.SSLError)):
            await exchange(server, ASKS, tls=trusting())
        assert [await asyncio.wait_for(reader.read(), 30) for reader, _ in silent] == [b"", b""]
        assert (await exchange(server, ASKS, tls=trusting())).endswith(b"said")
        for _, writer in silent:
            writer.close()
