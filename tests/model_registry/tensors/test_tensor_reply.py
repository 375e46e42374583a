"""Replies to requests of tensors: responses are passed on until the last, or until the client disconnects."""

from typing import Any

import pytest

from handler.errors import PredictionFailed, WorkerDied
from handler.job import Job, StreamChunk
from handler.tensors.errors import Code, TensorError
from handler.tensors.requests import DEFERRED, FINAL, TensorRequest, TensorResponse
from model_registry.tensors.tensor_reply import TensorReply, error_of


class Client:
    """A reply, and what came of it."""

    def __init__(self) -> None:
        self.received: list[tuple[TensorResponse, bool]] = []
        self.ended = 0
        self.reply = TensorReply(lambda *response: self.received.append(response), lambda response: response, self._end)
        self.reply.job = self.job = Job(TensorRequest([]), "id", self.reply)

    def _end(self, reply: TensorReply) -> None:
        self.ended += 1


def test_chunks_are_passed_on_and_the_last_response_ends_it() -> None:
    client, response = Client(), TensorResponse()
    for outcome in (DEFERRED, StreamChunk(response), FINAL, FINAL):
        client.reply.deliver(outcome)
    assert client.received == [(response, False), (FINAL, True)]
    assert (client.ended, client.job.reply) == (1, None)


def test_an_error_of_a_worker_becomes_one_of_tensors() -> None:
    client = Client()
    client.reply.deliver(WorkerDied())
    ((response, is_final),) = client.received
    assert is_final
    assert response.error is not None
    assert response.error.code == Code.INTERNAL
    own = TensorError("own")
    assert error_of(own) is own


@pytest.mark.parametrize("disconnect", [TensorReply.cancel, TensorReply.abandon])
def test_a_job_that_no_worker_has_is_not_served_for_a_client_that_disconnected(disconnect: Any) -> None:
    client = Client()
    disconnect(client.reply)
    assert (client.job.cancelled, client.ended) == (True, 1)
    client.reply.deliver(TensorResponse())
    assert not client.received


def test_a_model_that_has_begun_may_notice_a_cancellation_but_no_disconnect() -> None:
    cancelled, abandoned = Client(), Client()
    cancelled.job.taken_at = abandoned.job.taken_at = 1.0
    cancelled.reply.cancel()
    abandoned.reply.abandon()
    assert (cancelled.job.cancelled, abandoned.job.cancelled) == (True, False)
    assert cancelled.reply.is_cancelled
    assert abandoned.reply.is_cancelled


def test_a_response_that_cannot_be_passed_on_leaves_the_reply_open_for_an_error() -> None:
    received: list[TensorResponse] = []

    def answer(response: TensorResponse) -> TensorResponse:
        if response.error is None:
            raise MemoryError
        return response

    reply = TensorReply(lambda response, is_final: received.append(response), answer, lambda reply: None)
    reply.job = job = Job(TensorRequest([]), "id", reply)
    with pytest.raises(MemoryError):
        reply.deliver(TensorResponse())
    assert job.reply is reply
    reply.deliver(PredictionFailed())
    assert [response.error is not None for response in received] == [True]
    assert job.reply is None
