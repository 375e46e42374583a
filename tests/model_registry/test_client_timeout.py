"""clientTimeoutInMills: what comes too late is dropped, what expires in the queue is not served."""

import asyncio
import os
from pathlib import Path

import pytest

from app.errors import describe_error
from handler.job import Input, Job, Output, StreamChunk
from model_registry.client_timeout import ClientTimeout
from model_registry.errors import ClientTimedOut
from model_registry.reply import PendingReply, ResponseStream
from tests.conftest import MakeArchive
from tests.support.serving import serving

pytestmark = pytest.mark.anyio
WAITS = """
    import pathlib
    class Waits:
        def initialize(self, context):
            self.served = []
        def handle(self, data, context):
            for row in data:
                self.served.append(row["body"]["name"])
                if "gate" in row["body"]:
                    pathlib.Path(row["body"]["gate"]).read_text()
            return [self.served] * len(data)
"""


def new_reply(sequence: str = "") -> PendingReply:
    reply = PendingReply(asyncio.get_running_loop(), "default", lambda: None)
    reply.job = Job(Input(()), "id", reply, sequence=sequence)
    return reply


def watched(reply: PendingReply, seconds: float, silence: float = 0.0) -> ClientTimeout:
    return ClientTimeout(asyncio.get_running_loop(), reply, seconds, silence)


async def test_an_answer_in_time_is_given() -> None:
    reply = new_reply()
    watched(reply, 20)
    reply.deliver(Output(b"in time"))
    assert await reply.future == Output(b"in time")
    assert not reply.is_expired


async def test_a_late_answer_is_dropped_and_the_client_told_at_last() -> None:
    reply = new_reply()
    watched(reply, 0.005)
    while not reply.is_expired:
        await asyncio.sleep(0.001)
    assert reply.job
    assert reply.job.cancelled
    reply.deliver(Output(b"late"))
    assert not reply.future.done()
    with pytest.raises(ClientTimedOut, match="clientTimeoutInMills=5"):
        await reply.future


async def test_a_stream_that_began_in_time_goes_on() -> None:
    reply = new_reply()
    watched(reply, 0.005)
    reply.deliver(StreamChunk(Output(b"first")))
    stream = await reply.future
    assert isinstance(stream, ResponseStream)
    await asyncio.sleep(0.02)
    reply.deliver(Output(b"last"))
    assert [piece async for piece in stream] == [b"first", b"last"]
    assert reply.job
    assert reply.job.cancelled


async def test_what_belongs_to_a_sequence_is_served_all_the_same() -> None:
    reply = new_reply(sequence="a")
    reply.expire()
    reply.detach()
    assert reply.job
    assert not reply.job.cancelled


def test_the_client_is_told_as_of_a_timeout() -> None:
    told = describe_error(ClientTimedOut(0.8))
    assert (told.status, told.type) == (408, "RequestTimeoutException")


async def test_a_request_that_expires_in_the_queue_never_reaches_the_handler(
    store: Path, archive: MakeArchive, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    archive("waits", WAITS, config="clientTimeoutInMills: 400\njobQueueSize: 1\n")
    async with serving(store, "waits.mar") as client:
        version = client.application.registry.resolve("waits")
        first = asyncio.create_task(client.predict("waits", {"name": "first", "gate": str(gate)}))
        while version.pool.workers[0].batch is None:
            await asyncio.sleep(0.001)
        expired = asyncio.create_task(client.predict("waits", {"name": "expired"}))
        while not version.batcher.is_idle and not any(job.cancelled for job in version.batcher._jobs):
            await asyncio.sleep(0.001)
        served = asyncio.create_task(client.predict("waits", {"name": "served"}))  # the queue of one has room for it
        while len(version.batcher) != 1 or version.batcher._jobs[0].cancelled:
            await asyncio.sleep(0.001)
        await asyncio.to_thread(gate.write_text, "go")
        assert (await served).json() == ["first", "served"]
        assert not first.done()
        assert not expired.done()
        for task in (first, expired):
            task.cancel()
