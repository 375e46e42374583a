"""The wire, byte by byte: what clients send over a real socket, and what they get."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.conftest import MakeArchive
from tests.support.echo import ECHO, LIMIT, listening, post
from tests.support.raw_connections import opened
from tests.support.serving import serving

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def echo(archive: MakeArchive) -> None:
    archive("echo", ECHO)


async def test_an_answer_has_torchserves_headers_and_leaves_the_connection_open(store: Path) -> None:
    async with listening(store) as (_, connect):
        wire = await connect()
        for _ in range(2):
            wire.send(post("hello"))
            line, headers, body = await wire.answer()
            assert (line, headers["connection"]) == ("HTTP/1.1 200 ", "keep-alive")
            assert len(headers.pop("x-request-id")) == 36
            assert list(headers) == ["Pragma", "Cache-Control", "Expires", "content-length", "connection"]
            assert json.loads(body)["length"] == 5


async def test_header_names_reach_the_handler_as_the_client_spelled_them(store: Path) -> None:
    async with listening(store) as (_, connect):
        wire = await connect()
        wire.send(post("hello", "/predictions/echo", "X-Mixed-Case: 1", "x-lower: 2"))
        assert json.loads((await wire.answer())[2])["names"] == ["X-Mixed-Case", "x-lower"]


async def test_an_error_closes_the_connection(store: Path) -> None:
    async with listening(store) as (_, connect):
        wire = await connect()
        wire.send("GET /nothing HTTP/1.1\nHost: x\n\n")
        line, headers, _ = await wire.answer()
        assert (line, headers["connection"]) == ("HTTP/1.1 404 Not Found", "close")
        assert await wire.is_closed()


async def test_pipelined_requests_are_answered_in_order(store: Path) -> None:
    async with listening(store) as (_, connect):
        wire = await connect()
        wire.send(post("a") + "GET /ping HTTP/1.1\nHost: x\n\n" + post("abc") + post("ab"))
        bodies = [json.loads((await wire.answer())[2]) for _ in range(4)]
        assert [body.get("length", body.get("status")) for body in bodies] == [1, "Healthy", 3, 2]


async def test_a_request_may_come_byte_by_byte(store: Path) -> None:
    async with listening(store) as (_, connect):
        wire = await connect()
        for byte in post("hello").replace("\n", "\r\n").encode():
            wire.send(bytes([byte]))
            await wire.writer.drain()
        assert json.loads((await wire.answer())[2])["length"] == 5


async def test_chunked_bodies_are_put_together(store: Path) -> None:
    async with listening(store) as (_, connect):
        wire = await connect()
        head = "POST /predictions/echo HTTP/1.1\nHost: x\nContent-Type: text/plain\nTransfer-Encoding: chunked\n\n"
        wire.send(head + "3\nabc\n2\nde\n0\n\n")
        assert json.loads((await wire.answer())[2])["length"] == 5


async def test_head_gets_the_headers_alone(store: Path) -> None:
    async with listening(store) as (_, connect):
        wire = await connect()
        wire.send("HEAD /ping HTTP/1.1\nHost: x\n\nGET /ping HTTP/1.1\nHost: x\n\n")
        line, headers = await wire.head()
        assert (line, headers["content-length"]) == ("HTTP/1.1 200 OK", "26")
        assert (await wire.answer())[0] == "HTTP/1.1 200 OK"


async def test_a_client_that_asks_is_told_to_continue(store: Path) -> None:
    async with listening(store) as (_, connect):
        wire = await connect()
        head, _, body = post("hello", "/predictions/echo", "Expect: 100-continue").partition("\n\n")
        wire.send(head + "\n\n")
        assert (await wire.head())[0] == "HTTP/1.1 100 Continue"
        wire.send(body)
        assert (await wire.answer())[0] == "HTTP/1.1 200 "


@pytest.mark.parametrize(
    ("version", "lines"),
    [
        ("1.0", ["Expect: 100-continue", "Content-Length: 0"]),
        ("1.1", ["Expect: something", "Content-Length: 0"]),
        ("1.1", ["Expect: 100-continue", f"Content-Length: {LIMIT + 1}"]),
    ],
)
async def test_no_other_client_is_told_to_continue(store: Path, version: str, lines: list[str]) -> None:
    async with listening(store) as (_, connect):
        wire = await connect()
        wire.send("\n".join([f"POST /ping HTTP/{version}", "Host: x", *lines]) + "\n\n")
        assert (await wire.answer())[0].split()[1] in ("200", "413")


async def test_trailers_are_no_headers_and_values_end_with_their_last_sign(store: Path) -> None:
    async with listening(store) as (_, connect):
        wire = await connect()
        head = (
            "POST /predictions/echo HTTP/1.1\nHost: x\nX-A: 1\nContent-Type: text/plain  \nTransfer-Encoding: chunked"
        )
        wire.send(head + "\n\n1\na\n0\nX-Trailer: 1\n\n")
        assert json.loads((await wire.answer())[2]) == {"length": 1, "names": ["X-A"]}


@pytest.mark.parametrize("status", [204, 205, 304])
async def test_an_answer_whose_status_forbids_a_body_has_none(store: Path, status: int) -> None:
    async with listening(store) as (_, connect):
        wire = await connect()
        wire.send(post(f"status {status}") + post("hello"))
        line, _, body = await wire.answer()
        assert (line, body) == (f"HTTP/1.1 {status} ", b"")
        assert (await wire.answer())[0] == "HTTP/1.1 200 "


async def test_numbers_in_headers_are_written_out_and_nothing_is_left_out(store: Path) -> None:
    async with listening(store) as (_, connect):
        wire = await connect()
        wire.send(post("headers"))
        _, headers, _ = await wire.answer()
        assert headers["X-Number"] == "7"
        assert "X-Nothing" not in headers


async def test_a_client_that_says_close_gets_its_answer_and_the_end(store: Path) -> None:
    async with listening(store) as (_, connect):
        wire = await connect()
        wire.send("GET /ping HTTP/1.1\nHost: x\nConnection: close\n\n")
        line, headers, _ = await wire.answer()
        assert (line, headers["connection"]) == ("HTTP/1.1 200 OK", "close")
        assert await wire.is_closed()


async def test_half_a_request_holds_no_worker(store: Path) -> None:
    async with listening(store) as (client, connect):
        slow, quick = await connect(), await connect()
        slow.send("POST /predictions/echo HTTP/1.1\nHost: x\nContent-Length: 500\n\nhalf")
        await slow.writer.drain()
        quick.send(post("hello"))
        assert (await quick.answer())[0] == "HTTP/1.1 200 "
        assert client.application.registry.resolve("echo").batcher.is_idle


async def test_a_client_that_leaves_is_not_served(store: Path) -> None:
    async with listening(store) as (client, connect):
        version = client.application.registry.resolve("echo")
        busy, leaver, last = await connect(), await connect(), await connect()
        busy.send(post("wait"))
        leaver.send(post("leaver"))
        while not version.batcher._jobs or not version.pool.workers[0].batch:
            await asyncio.sleep(0)
        (job,) = version.batcher._jobs
        leaver.writer.transport.abort()
        while not job.cancelled:
            await asyncio.sleep(0)
        version.pool.abandon_hung(0, 60)
        last.send(post("hello"))
        assert (await busy.answer())[0] == "HTTP/1.1 500 Internal Server Error"
        assert (await last.answer())[0] == "HTTP/1.1 200 "


async def test_a_server_that_stops_answers_what_it_has_accepted_and_closes_other_connections(store: Path) -> None:
    async with serving(store, "echo.mar") as client, opened(client) as endpoint:
        version = client.application.registry.resolve("echo")
        busy, idle = await endpoint.connect(), await endpoint.connect()
        busy.send(post("wait"))
        while not version.pool.workers or not version.pool.workers[0].batch:
            await asyncio.sleep(0)
        client.application.shutdown_requested.set()
        assert await idle.is_closed()
        assert endpoint.server.server_state.connections
        await client.manage("PUT", "/models/echo", min_worker=2)
        assert (await client.predict("echo", content="open", headers={"Content-Type": "text/plain"})).status_code == 200
        line, headers, _ = await busy.answer()
        assert (line, headers["connection"]) == ("HTTP/1.1 200 ", "close")
