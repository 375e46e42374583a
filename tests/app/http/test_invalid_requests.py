"""Requests and responses that HTTP, or the server's limits, do not allow."""

import json
from pathlib import Path

import pytest

from tests.conftest import MakeArchive
from tests.support.echo import ECHO, LIMIT, listening, post

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def echo(archive: MakeArchive) -> None:
    archive("echo", ECHO)


async def test_nonsense_after_a_request_does_not_cost_its_answer(store: Path) -> None:
    async with listening(store) as (_, connect):
        wire = await connect()
        wire.send(post("hello") + "nonsense\n\n")
        line, headers, _ = await wire.answer()
        assert (line, headers["connection"]) == ("HTTP/1.1 200 ", "close")
        assert await wire.is_closed()


@pytest.mark.parametrize("status", ["100", "-1", "1000", "'text'", "1j"])
async def test_a_status_that_http_cannot_send_is_told_as_an_error(store: Path, status: str) -> None:
    async with listening(store) as (_, connect):
        wire = await connect()
        wire.send(post(f"status {status}"))
        line, _, body = await wire.answer()
        assert line == "HTTP/1.1 503 Service Unavailable"
        assert "The handler set a status that HTTP cannot send" in json.loads(body)["message"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/predictions/100%", "unterminated escape sequence at index 16 of: /predictions/100%"),
        ("/ping%zz", "invalid hex byte 'zz' at index 6 of '/ping%zz'"),
        ("/invocations?a=%4", "unterminated escape sequence at index 15 of: /invocations?a=%4"),
    ],
)
async def test_a_percent_sign_that_begins_no_escape_is_refused(store: Path, path: str, message: str) -> None:
    async with listening(store) as (_, connect):
        wire = await connect()
        wire.send(post("", path))
        line, _, body = await wire.answer()
        assert line == "HTTP/1.1 403 Forbidden"
        assert json.loads(body) == {"code": 403, "type": "IllegalArgumentException", "message": message}


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_over_the_limit_is_refused_as_soon_as_it_is_known(store: Path, declared: bool) -> None:
    async with listening(store) as (_, connect):
        wire = await connect()
        if declared:
            wire.send(f"POST /ping HTTP/1.1\nHost: x\nContent-Length: {LIMIT + 1}\n\n")
        else:
            wire.send(
                f"POST /ping HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n{LIMIT + 1:x}\n" + "x" * (LIMIT + 1)
            )
        line, headers, body = await wire.answer()
        assert (line, body) == ("HTTP/1.1 413 Request Entity Too Large", b"")
        assert headers["x-marserve-reason"] == f"the body exceeds max_request_size={LIMIT}"


async def test_a_body_of_exactly_the_limit_is_fine(store: Path) -> None:
    async with listening(store) as (_, connect):
        wire = await connect()
        wire.send(post("x" * LIMIT))
        assert json.loads((await wire.answer())[2])["length"] == LIMIT


@pytest.mark.parametrize("nonsense", ["this is not HTTP\n\n", "GET / HTTP/1.1\nbroken header\n\n", "\x16\x03\x01\n\n"])
async def test_what_is_no_http_is_told_so(store: Path, nonsense: str) -> None:
    async with listening(store) as (_, connect):
        wire = await connect()
        wire.send(nonsense)
        line, headers, body = await wire.answer()
        assert (line, len(headers["x-request-id"])) == ("HTTP/1.1 400 Bad Request", 36)
        assert json.loads(body)["message"] == "Invalid HTTP message."
        assert await wire.is_closed()


async def test_a_head_without_end_is_refused(store: Path) -> None:
    async with listening(store) as (_, connect):
        wire = await connect()
        wire.send("GET / HTTP/1.1\n" + "".join(f"X-{number}: {'y' * 1000}\n" for number in range(70)))
        assert (await wire.answer())[0] == "HTTP/1.1 400 Bad Request"
