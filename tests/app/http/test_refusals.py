"""Large requests to a model whose queue is full: refused before their bodies come, in the words of small ones."""

import asyncio
import hashlib
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from app.http.parser import DIRECT_BODY_THRESHOLD
from handler.batching.batcher import Batcher
from handler.job import Input, Job
from model_registry.version import ModelVersion
from tests.conftest import MakeArchive
from tests.support.raw_connections import Endpoint, RawConnection, opened
from tests.support.serving import serving

pytestmark = pytest.mark.anyio
WAITS = """
    import hashlib, threading
    def handle(data, context):
        if any(row["body"] == b"wait" for row in data or []):
            threading.gate_of_the_test.wait(30)
        return [hashlib.sha256(row["body"]).hexdigest() for row in data or []]
"""
BODY = bytes(range(256)) * 4000
PIECE = 9973
SIZES = [5, DIRECT_BODY_THRESHOLD, DIRECT_BODY_THRESHOLD + 1, len(BODY)]
Answer = tuple[str, dict[str, str], bytes]


class Full(NamedTuple):
    """A model with one request in work and one in its queue, which has no room for another."""

    endpoint: Endpoint
    in_work: RawConnection
    queued: RawConnection


@pytest.fixture(autouse=True)
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """The event that the handler waits for."""
    event = threading.Event()
    monkeypatch.setattr(threading, "gate_of_the_test", event, raising=False)
    yield event
    event.set()


def post(body: bytes, *lines: str, path: str = "/predictions/waits") -> bytes:
    head = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *lines]
    return "".join(f"{line}\r\n" for line in head).encode() + b"\r\n" + body


@asynccontextmanager
async def full(store: Path, gate: threading.Event) -> AsyncIterator[Full]:
    async with serving(store, "waits.mar", job_queue_size="1") as client, opened(client) as endpoint:
        version = client.application.registry.resolve("waits")
        in_work, queued = await fill(endpoint, version)
        try:
            yield Full(endpoint, in_work, queued)
        finally:
            gate.set()


async def fill(endpoint: Endpoint, version: ModelVersion, *lines: str) -> tuple[RawConnection, RawConnection]:
    """Give a model a request to work on, and another for its queue."""
    in_work = await send(endpoint, post(b"wait", *lines))
    while not (version.pool.workers and version.pool.workers[0].batch):
        await asyncio.sleep(0)
    queued = await send(endpoint, post(b"queued", *lines))
    while not len(version.batcher):
        await asyncio.sleep(0)
    return in_work, queued


async def send(endpoint: Endpoint, request: bytes, size: int = 10_000_000) -> RawConnection:
    wire = await endpoint.connect()
    await wire.send_in_pieces(request, size)
    return wire


async def answer(wire: RawConnection) -> Answer:
    """An answer without its own id."""
    line, headers, body = await wire.answer()
    assert headers.pop("x-request-id")
    return line, headers, body


@pytest.fixture(autouse=True)
def waits(archive: MakeArchive) -> None:
    archive("waits", WAITS)


@pytest.mark.parametrize("piece", [PIECE, 10_000_000], ids=["in pieces", "at once"])
async def test_a_full_queue_refuses_requests_of_any_size_alike(store: Path, gate: threading.Event, piece: int) -> None:
    async with full(store, gate) as found:
        answers = []
        for size in SIZES:
            wire = await send(found.endpoint, post(BODY[:size]), piece)
            answers.append(await answer(wire))
            assert await wire.is_closed()
        line, headers, body = answers[0]
        assert (line, headers["connection"]) == ("HTTP/1.1 503 Service Unavailable", "close")
        assert json.loads(body)["type"] == "ServiceUnavailableException"
        assert answers == [answers[0]] * len(SIZES)


async def test_when_there_is_room_again_the_same_request_is_served(store: Path, gate: threading.Event) -> None:
    async with full(store, gate) as found:
        refused = await send(found.endpoint, post(BODY), PIECE)
        assert (await answer(refused))[0] == "HTTP/1.1 503 Service Unavailable"
        gate.set()
        assert [(await answer(wire))[0] for wire in (found.in_work, found.queued)] == ["HTTP/1.1 200 "] * 2
        line, _, body = await answer(await send(found.endpoint, post(BODY), PIECE))
        assert (line, body.decode()) == ("HTTP/1.1 200 ", hashlib.sha256(BODY).hexdigest())


async def test_what_is_refused_at_its_head_stays_refused_and_its_body_is_not_kept(
    store: Path, gate: threading.Event
) -> None:
    async with full(store, gate) as found:
        before = set(found.endpoint.server.server_state.connections)
        wire = await send(found.endpoint, post(BODY)[:-1])
        (connection,) = found.endpoint.server.server_state.connections - before
        while connection._parser._request is None or connection._parser._size < len(BODY) - 1:
            await asyncio.sleep(0)
        assert (connection._parser._large, connection._parser._body) == (None, b"")
        gate.set()
        assert [(await answer(each))[0] for each in (found.in_work, found.queued)] == ["HTTP/1.1 200 "] * 2
        wire.send(BODY[-1:])
        assert (await answer(wire))[0] == "HTTP/1.1 503 Service Unavailable"


async def test_a_queue_that_fills_while_a_body_comes_refuses_it_too(store: Path, gate: threading.Event) -> None:
    async with serving(store, "waits.mar", job_queue_size="1") as client, opened(client) as endpoint:
        version, request = client.application.registry.resolve("waits"), post(BODY)
        late = await send(endpoint, request[:-1])
        while not any(connection._parser._large for connection in endpoint.server.server_state.connections):
            await asyncio.sleep(0)
        in_work, queued = await fill(endpoint, version)
        late.send(request[-1:])
        assert (await answer(late))[0] == "HTTP/1.1 503 Service Unavailable"
        gate.set()
        assert [(await answer(wire))[0] for wire in (in_work, queued)] == ["HTTP/1.1 200 "] * 2


async def test_a_refusal_waits_for_the_answers_before_it(store: Path, gate: threading.Event) -> None:
    async with full(store, gate) as found:
        wire = await send(found.endpoint, b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n" + post(BODY))
        assert [(await answer(wire))[0] for _ in range(2)] == ["HTTP/1.1 200 OK", "HTTP/1.1 503 Service Unavailable"]
        assert await wire.is_closed()


async def test_a_model_without_workers_refuses_requests_of_any_size_alike(store: Path) -> None:
    async with serving(store, "waits.mar") as client, opened(client) as endpoint:
        await client.manage("PUT", "/models/waits", min_worker=0)
        answers = [await answer(await send(endpoint, post(BODY[:size]), PIECE)) for size in SIZES]
        assert answers[0][0] == "HTTP/1.1 503 Service Unavailable"
        assert answers == [answers[0]] * len(SIZES)
        counted = (await client.http.get("/metrics?name[]=ts_inference_requests_total")).text.splitlines()[-1]
        assert counted.endswith(f" {len(SIZES)}.0")


async def test_a_model_that_is_not_there_is_told_so_whatever_the_size(store: Path) -> None:
    async with serving(store) as client, opened(client) as endpoint:
        answers = [await answer(await send(endpoint, post(BODY[:size]), PIECE)) for size in SIZES]
        assert answers[0][0] == "HTTP/1.1 404 Not Found"
        assert answers == [answers[0]] * len(SIZES)


async def test_nobody_without_a_token_learns_that_a_queue_is_full(
    store: Path, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(store.parent)  # where the keys are written

    def key() -> str:
        return json.loads((store.parent / "key_file.json").read_text())["inference"]["key"]  # type: ignore[no-any-return]

    async with (
        serving(store, "waits.mar", authorization="all", job_queue_size="1") as client,
        opened(client) as endpoint,
    ):
        version, token = client.application.registry.resolve("waits"), f"Authorization: Bearer {key()}"
        in_work, queued = await fill(endpoint, version, token)
        for lines in ((), (f"Authorization: Bearer {key()[::-1]}!",)):
            answers = [await answer(await send(endpoint, post(BODY[:size], *lines), PIECE)) for size in SIZES]
            assert json.loads(answers[0][2])["type"] == "InvalidKeyException"
            assert answers == [answers[0]] * len(SIZES)
        assert (await answer(await send(endpoint, post(BODY, token), PIECE)))[0] == "HTTP/1.1 503 Service Unavailable"
        gate.set()
        assert [(await answer(wire))[0] for wire in (in_work, queued)] == ["HTTP/1.1 200 "] * 2


def job() -> Job:
    return Job(Input(()), "id")


def test_a_batcher_is_full_when_it_would_accept_no_job() -> None:
    batcher = Batcher(1, 0, 2)
    jobs = [job(), job()]
    for each in jobs:
        assert not batcher.is_full
        batcher.submit(each)
    jobs[0].cancelled = True  # no client waits for it any more
    assert not batcher.is_full
    batcher.submit(job())
    assert batcher.is_full
    batcher.pop_all()
    assert not batcher.is_full
    batcher.close()
    assert batcher.is_full


def test_with_tickets_a_batcher_is_full_while_nobody_is_free() -> None:
    assert Batcher(1, 0, 100, tickets=True).is_full
