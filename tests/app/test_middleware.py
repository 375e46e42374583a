"""The middleware around the routes, as another ASGI server drives it."""

import asyncio
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message, Scope

from app.application import create_apps
from app.middleware import MAX_DISCARDED_BYTES
from tests.conftest import MakeArchive
from tests.support.serving import Client, serving

pytestmark = pytest.mark.anyio
HANGS = """
    import threading
    GATE = vars(threading).setdefault("test_middleware_gate", threading.Event())  # one for all workers
    def handle(data, context):
        if data:
            GATE.wait(30)
            return ["done"] * len(data)
"""
LIMIT = 10


def scope(path: str, *headers: tuple[bytes, bytes]) -> Scope:
    return {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": list(headers), "client": ("10.0.0.1", 5), "http_version": "1.1", "root_path": "",
    }  # fmt: skip


def piece(size: int, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": b"x" * size, "more_body": more}


async def call(client: Client, scope: Scope, receive: Callable[[], Any]) -> list[Message]:
    """The messages that the application sends to an ASGI server."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    (app,) = create_apps(client.application).values()
    await app(scope, receive, send)
    return sent


def coming(*messages: Message) -> Callable[[], Any]:
    """A client that sends these, and then stays."""
    remaining = list(messages)

    async def receive() -> Message:
        if not remaining:
            await asyncio.get_running_loop().create_future()
        return remaining.pop(0)

    return receive


@pytest.mark.parametrize(
    ("headers", "messages"),
    [
        ([(b"content-length", b"11")], [piece(11)]),
        ([(b"content-length", b"many")], [piece(1)]),
        ([], [piece(6, more=True), piece(5, more=True), piece(3)]),
    ],
)
async def test_a_body_over_the_limit_is_refused_in_torchserves_way(
    store: Path, headers: list[tuple[bytes, bytes]], messages: list[Message]
) -> None:
    async with serving(store, max_request_size=LIMIT) as client:
        start, *bodies = await call(client, scope("/ping", *headers), coming(*messages))
        assert (start["status"], dict(start["headers"])[b"connection"]) == (413, b"close")
        assert [each["body"] for each in bodies] == [b"", b""]
        assert "Requests4XX" in (await client.http.get("/metrics?name[]=Requests4XX")).text


async def test_so_much_of_a_refused_body_is_read_and_no_more(store: Path) -> None:
    size = MAX_DISCARDED_BYTES // 8
    async with serving(store, max_request_size=LIMIT) as client:
        endless = coming(*[piece(size, more=True)] * 10)
        assert (await call(client, scope("/ping"), endless))[0]["status"] == 413


async def test_a_client_that_disconnects_amid_its_body_is_not_answered(store: Path) -> None:
    async with serving(store) as client:
        gone = coming(piece(1, more=True), {"type": "http.disconnect"})
        assert await call(client, scope("/ping"), gone) == []


async def test_a_client_that_disconnects_while_it_waits_has_its_job_cancelled(
    store: Path, archive: MakeArchive
) -> None:
    archive("hangs", HANGS)
    async with serving(store, "hangs.mar") as client:
        version, left = client.application.registry.resolve("hangs"), asyncio.Event()

        async def receive() -> Message:
            if not first:
                await left.wait()
                return {"type": "http.disconnect"}
            return first.pop()

        first = [piece(1)]
        busy = asyncio.create_task(client.predict("hangs", 1))
        while not version.pool.workers or not version.pool.workers[0].batch:
            await asyncio.sleep(0)
        waiting = asyncio.create_task(call(client, scope("/predictions/hangs"), receive))
        while not len(version.batcher):
            await asyncio.sleep(0)
        (job,) = version.batcher._jobs
        left.set()
        assert await waiting == []
        assert job.cancelled
        vars(threading)["test_middleware_gate"].set()
        assert (await busy).text == "done"


async def test_header_names_are_small_and_the_connection_is_named_for_other_servers(store: Path) -> None:
    async with serving(store) as client:
        start, _ = await call(client, scope("/ping"), coming(piece(0)))
        names = [name for name, _ in start["headers"]]
        assert names == [
            b"content-type", b"x-request-id", b"pragma", b"cache-control", b"expires", b"content-length", b"connection"
        ]  # fmt: skip
        assert dict(start["headers"])[b"connection"] == b"keep-alive"


async def test_a_path_that_cannot_be_decoded_is_refused_before_it_is_routed(store: Path) -> None:
    async with serving(store) as client:
        start, body = await call(client, {**scope("/ping%zz")}, coming(piece(0)))
        assert (start["status"], b"invalid hex byte" in body["body"]) == (403, True)


async def test_every_response_is_logged_and_counted_once(store: Path, tmp_path: Path) -> None:
    async with serving(store, log_location=tmp_path) as client:
        await call(client, scope("/ping"), coming(piece(0)))
        client.application.logs.access.flush()
        lines = (tmp_path / "access_log.log").read_text().splitlines()
        assert len(lines) == 1
        assert re.search(r'/10\.0\.0\.1:5 "POST /ping HTTP/1\.1" 200 \d+$', lines[0])


async def test_other_kinds_of_connections_pass(store: Path) -> None:
    async with serving(store) as client:
        sent = await call(client, {**scope("/ping"), "type": "websocket"}, coming({"type": "websocket.connect"}))
        assert sent == [{"type": "websocket.close", "code": 1000, "reason": ""}]
