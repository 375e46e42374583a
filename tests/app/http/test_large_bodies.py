"""Large bodies over real sockets: whole, in order, and of the types that handlers know."""

import asyncio
import hashlib
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from app.http.parser import DIRECT_BODY_THRESHOLD
from tests.conftest import MakeArchive
from tests.support.raw_connections import Endpoint, RawConnection, Scheme, opened
from tests.support.serving import serving

pytestmark = pytest.mark.anyio
SHOWS = """
    import hashlib, json
    def seen(value):
        raw = value.encode() if isinstance(value, str) else value
        raw = raw if isinstance(raw, (bytes, bytearray)) else json.dumps(raw).encode()
        return [type(value).__name__, len(raw), hashlib.sha256(raw).hexdigest()]
    def handle(data, context):
        return [{name: seen(value) for name, value in row.items()} for row in data or []]
"""
SIZES = [DIRECT_BODY_THRESHOLD, DIRECT_BODY_THRESHOLD + 1, 300_000, 2_000_000]
PIECE = 9973
"""Bytes of a piece: of no size at which anything happens."""
PING = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"
NEEDS_OPENSSL = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Both event loops: they fill the room that they are given in different ways."""
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture(params=["http", pytest.param("https", marks=NEEDS_OPENSSL)])
def scheme(request: pytest.FixtureRequest) -> Scheme:
    return request.param  # type: ignore[no-any-return]


@asynccontextmanager
async def listening(
    store: Path, archive: MakeArchive, scheme: Scheme = "http", **config: str
) -> AsyncIterator[Endpoint]:
    archive("tells", SHOWS, **config)
    async with serving(store, "tells.mar") as client, opened(client, scheme) as endpoint:
        yield endpoint


def content(size: int, seed: int = 0) -> bytes:
    return b"".join((number + seed).to_bytes(4, "big") for number in range(size // 4 + 1))[:size]


def post(body: bytes, kind: str = "application/octet-stream", *lines: str) -> bytes:
    head = ["POST /predictions/tells HTTP/1.1", "Host: x", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    return "".join(f"{line}\r\n" for line in (*head, *lines)).encode() + b"\r\n" + body


def chunked(body: bytes) -> bytes:
    chunks = [body[start : start + 70_000] for start in range(0, len(body), 70_000)]
    head = b"POST /predictions/tells HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


def of(kind: str, value: bytes) -> list[Any]:
    return [kind, len(value), hashlib.sha256(value).hexdigest()]


async def served(wire: RawConnection) -> Any:
    """The handler's answers on a connection that stays open."""
    line, headers, body = await wire.answer()
    assert (line, headers["connection"]) == ("HTTP/1.1 200 ", "keep-alive")
    return json.loads(body)


@pytest.mark.parametrize("size", SIZES)
async def test_a_large_body_arrives_as_it_was_sent(
    store: Path, archive: MakeArchive, scheme: Scheme, size: int
) -> None:
    async with listening(store, archive, scheme) as endpoint:
        wire = await endpoint.connect()
        wire.send(post(content(size)))
        assert await served(wire) == {"body": of("bytearray", content(size))}
        await wire.send_in_pieces(post(content(size, 1)), PIECE)
        assert await served(wire) == {"body": of("bytearray", content(size, 1))}


async def test_a_body_may_come_long_after_its_head(store: Path, archive: MakeArchive) -> None:
    async with listening(store, archive) as endpoint:
        wire, other = await endpoint.connect(), await endpoint.connect()
        request = post(content(300_000))
        wire.send(request[:-300_000])
        await wire.writer.drain()
        other.send(post(b"small"))
        assert await served(other) == {"body": of("bytearray", b"small")}
        wire.send(request[-300_000:])
        assert await served(wire) == {"body": of("bytearray", content(300_000))}


@pytest.mark.parametrize("piece", [PIECE, 10_000_000], ids=["in pieces", "at once"])
async def test_requests_behind_large_ones_are_answered_in_order(
    store: Path, archive: MakeArchive, scheme: Scheme, piece: int
) -> None:
    bodies = [
        content(size, number)
        for number, size in enumerate([5, 300_000, 7, 300_000, 2_000_000, DIRECT_BODY_THRESHOLD + 1, 0, 9])
    ]
    async with listening(store, archive, scheme) as endpoint:
        wire = await endpoint.connect()
        sent = asyncio.create_task(wire.send_in_pieces(b"".join(map(post, bodies)) + PING, piece))
        seen = [await served(wire) for _ in bodies]
        assert seen == [{"body": of("bytearray", body)} for body in bodies]
        assert json.loads((await wire.answer())[2]) == {"status": "Healthy"}
        await sent


async def test_what_follows_an_upgrade_is_no_request(store: Path, archive: MakeArchive) -> None:
    async with listening(store, archive) as endpoint:
        wire = await endpoint.connect()
        asks = PING.replace(b"Host: x", b"Host: x\r\nConnection: Upgrade\r\nUpgrade: h2c")
        wire.send(asks + content(2 * DIRECT_BODY_THRESHOLD))
        line, headers, _ = await wire.answer()
        assert (line, headers["connection"]) == ("HTTP/1.1 200 OK", "keep-alive")  # and not a close for nonsense


async def test_small_and_large_requests_take_turns_on_a_connection(store: Path, archive: MakeArchive) -> None:
    async with listening(store, archive) as endpoint:
        wire = await endpoint.connect()
        for number, size in enumerate(
            [1, 300_000, 2, DIRECT_BODY_THRESHOLD + 1, DIRECT_BODY_THRESHOLD, 3, 2_000_000, 4]
        ):
            wire.send(post(content(size, number)))
            assert await served(wire) == {"body": of("bytearray", content(size, number))}


async def test_large_bodies_side_by_side_do_not_mix(store: Path, archive: MakeArchive, scheme: Scheme) -> None:
    async with listening(store, archive, scheme) as endpoint:
        wires = [await endpoint.connect() for _ in range(8)]
        bodies = [content(300_000 + number, 1000 * number) for number in range(len(wires))]
        await asyncio.gather(
            *(wire.send_in_pieces(post(body), PIECE) for wire, body in zip(wires, bodies, strict=True))
        )
        assert [await served(wire) for wire in wires] == [{"body": of("bytearray", body)} for body in bodies]


async def test_a_client_that_waits_is_asked_for_its_large_body(store: Path, archive: MakeArchive) -> None:
    async with listening(store, archive) as endpoint:
        wire, body = await endpoint.connect(), content(300_000)
        wire.send(post(body, "", "Expect: 100-continue")[: -len(body)])
        assert (await wire.head())[0] == "HTTP/1.1 100 Continue"
        await wire.send_in_pieces(body, PIECE)
        assert await served(wire) == {"body": of("bytearray", body)}
        wire.send(post(b"small"))
        assert await served(wire) == {"body": of("bytearray", b"small")}


async def test_a_large_body_in_chunks_arrives_too(store: Path, archive: MakeArchive) -> None:
    async with listening(store, archive) as endpoint:
        wire, body = await endpoint.connect(), content(300_000)
        await wire.send_in_pieces(chunked(body) + post(body) + chunked(body), PIECE)
        for _ in range(3):
            assert await served(wire) == {"body": of("bytearray", body)}


async def test_a_client_that_says_close_gets_its_answer_and_the_end(store: Path, archive: MakeArchive) -> None:
    async with listening(store, archive) as endpoint:
        wire = await endpoint.connect()
        await wire.send_in_pieces(post(content(300_000), "", "Connection: close"), PIECE)
        line, headers, _ = await wire.answer()
        assert (line, headers["connection"]) == ("HTTP/1.1 200 ", "close")
        assert await wire.is_closed()


@pytest.mark.parametrize("abruptly", [True, False])
async def test_clients_that_go_away_amid_a_large_body_harm_nobody(
    store: Path, archive: MakeArchive, scheme: Scheme, abruptly: bool
) -> None:
    async with listening(store, archive, scheme) as endpoint:
        stays = await endpoint.connect()
        await stays.send_in_pieces(post(content(300_000))[:-1], PIECE)
        for part in (1000, 100_000, 299_999):
            leaver = await endpoint.connect()
            await leaver.send_in_pieces(post(content(300_000))[:part], PIECE)
            leaver.writer.transport.abort() if abruptly else leaver.writer.close()
        stays.send(content(300_000)[-1:])
        assert await served(stays) == {"body": of("bytearray", content(300_000))}
        while len(endpoint.server.server_state.connections) > 1:
            await asyncio.sleep(0)


TEXT = "é☃" * 50_000
NUMBERS = [number / 7 for number in range(20_000)]
OBJECT = {"instances": [{"data": "x" * 200_000, "numbers": NUMBERS}]}


@pytest.mark.parametrize("isolation", ["thread", "process"])
@pytest.mark.parametrize(
    ("kind", "body", "seen"),
    [
        ("application/json", json.dumps(OBJECT).encode(), of("dict", json.dumps(OBJECT).encode())),
        ("application/json", json.dumps(NUMBERS).encode(), of("list", json.dumps(NUMBERS).encode())),
        ("application/json", b"[" + content(100_000), of("bytearray", b"[" + content(100_000))),
        ("text/plain", TEXT.encode(), of("str", TEXT.encode())),
        ("text/plain", b"\xff" * 100_000, of("bytearray", b"\xff" * 100_000)),
        ("image/jpeg", content(100_000), of("bytearray", content(100_000))),
        ("", content(300_000), of("bytearray", content(300_000))),
    ],
    ids=["object", "list", "no JSON", "text", "no text", "image", "no type"],
)
async def test_handlers_get_large_bodies_as_they_get_small_ones(
    store: Path, archive: MakeArchive, isolation: str, kind: str, body: bytes, seen: list[Any]
) -> None:
    async with listening(store, archive, config=f"isolation: {isolation}\n") as endpoint:
        wire = await endpoint.connect()
        await wire.send_in_pieces(post(body, kind), PIECE)
        assert await served(wire) == {"body": seen}


async def test_large_forms_are_taken_apart(store: Path, archive: MakeArchive) -> None:
    value = content(200_000)
    parts = [
        b'Content-Disposition: form-data; name="file"; filename="f"\r\nContent-Type: image/png\r\n\r\n' + value,
        b'Content-Disposition: form-data; name="note"\r\n\r\nshort',
    ]
    multipart = b"".join(b"--frontier\r\n" + part + b"\r\n" for part in parts) + b"--frontier--\r\n"
    fields = b"a=1&b=" + b"%41+" * 50_000 + b"&c="
    async with listening(store, archive) as endpoint:
        wire = await endpoint.connect()
        await wire.send_in_pieces(post(multipart, "multipart/form-data; boundary=frontier"), PIECE)
        assert await served(wire) == {"file": of("bytearray", value), "note": of("bytearray", b"short")}
        await wire.send_in_pieces(post(fields, "application/x-www-form-urlencoded"), PIECE)
        assert await served(wire) == {
            "a": of("bytearray", b"1"), "b": of("bytearray", b"A " * 50_000), "c": of("bytearray", b"")
        }  # fmt: skip


@pytest.mark.parametrize(
    "path", ["/invocations", "/invocations?model_name=tells", "/explanations/tells", "/predictions/tells/1.0",
             "/models/tells/invoke", "/v1/models/tells:predict", "/v2/models/tells/infer", "/tells/predict"],
)  # fmt: skip
async def test_every_url_of_a_prediction_takes_large_bodies(store: Path, archive: MakeArchive, path: str) -> None:
    async with listening(store, archive) as endpoint:
        wire = await endpoint.connect()
        request = post(content(300_000)).replace(b"/predictions/tells", path.encode(), 1)
        await wire.send_in_pieces(request, PIECE)
        assert (await served(wire))["body"] == of("bytearray", content(300_000))


async def test_management_takes_large_bodies(store: Path, archive: MakeArchive) -> None:
    async with listening(store, archive) as endpoint:
        wire, body = (
            await endpoint.connect(),
            json.dumps({"url": "tells.mar", "model_name": "again", "x": "y" * 100_000}),
        )
        request = post(body.encode(), "application/json").replace(b"/predictions/tells", b"/models", 1)
        await wire.send_in_pieces(request, PIECE)
        line, _, answer = await wire.answer()
        assert line == "HTTP/1.1 200 OK", answer
