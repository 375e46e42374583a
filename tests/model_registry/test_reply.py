"""Replies: one outcome for each client, at once or as a stream; none for clients that have disconnected."""

import asyncio
from typing import Any

import pytest

from handler.errors import PredictionFailed, WorkerDied
from handler.job import Input, Job, Output, StreamChunk
from model_registry.reply import PendingReply, ResponseStream

pytestmark = pytest.mark.anyio


@pytest.fixture
async def reply() -> PendingReply:
    reply = PendingReply(asyncio.get_running_loop(), "default", lambda: None)
    reply.job = Job(Input(()), "id", reply)
    return reply


@pytest.mark.parametrize("outcome", [Output(b"x"), WorkerDied()])
async def test_the_first_outcome_resolves_the_future(reply: PendingReply, outcome: Any) -> None:
    reply.deliver(outcome)
    reply.deliver(PredictionFailed())
    assert (await asyncio.gather(reply.future, return_exceptions=True)) == [outcome]
    assert reply.job is not None
    assert reply.job.reply is None  # no circle keeps the body


async def test_a_callback_is_called_in_the_same_iteration(reply: PendingReply) -> None:
    outcomes: list[Any] = []
    reply.set_callback(outcomes.append)
    reply.deliver(Output(b"x"))
    reply.deliver(Output(b"y"))
    assert outcomes == [Output(b"x")]


async def test_a_client_that_has_disconnected_hears_nothing_and_its_job_is_cancelled(reply: PendingReply) -> None:
    outcomes: list[Any] = []
    reply.set_callback(outcomes.append)
    reply.detach()
    reply.deliver(Output(b"x"))
    assert outcomes == []
    assert reply.job is not None
    assert reply.job.cancelled


async def test_a_stream_yields_all_chunks_and_then_cancels_its_job(reply: PendingReply) -> None:
    for outcome in (StreamChunk(Output(b"a")), StreamChunk(Output(b"b")), Output(b"c")):
        reply.deliver(outcome)
    stream = await reply.future
    assert isinstance(stream, ResponseStream)
    assert [chunk async for chunk in stream] == [b"a", b"b", b"c"]
    assert reply.job is not None
    assert reply.job.cancelled


async def test_an_error_cuts_a_stream_short(reply: PendingReply) -> None:
    reply.deliver(StreamChunk(Output(b"a")))
    reply.deliver(WorkerDied())
    stream = await reply.future
    assert isinstance(stream, ResponseStream)
    chunks = aiter(stream)
    assert await anext(chunks) == b"a"
    with pytest.raises(WorkerDied):
        await anext(chunks)


async def test_a_reply_is_refused_once_and_only_before_its_outcome(reply: PendingReply) -> None:
    reply.deliver(Output(b"x"))
    reply.refuse(WorkerDied())
    assert await reply.future == Output(b"x")
