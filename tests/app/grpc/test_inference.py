"""TorchServe's gRPC inference service, called by generated code over a real socket."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty

from tests.conftest import MakeArchive
from tests.support.grpc_client import ASKED, GrpcClient, failure, grpc_serving, prediction

pytestmark = pytest.mark.anyio
JAVA = "org.pytorch.serve"
NO_WORKER = (
    'Model "asked" has no worker to serve inference request. Please use scale workers API to add workers. '
    "If this is a sequence inference, please check if it is closed, or expired; "
    "or exceeds maxSequenceJobQueueSize\nInternalServerException.()"
)


@pytest.fixture
async def client(store: Path, archive: MakeArchive) -> AsyncIterator[GrpcClient]:
    """A client of a server with the model `asked`."""
    archive("asked", ASKED)
    async with grpc_serving(store, "asked.mar") as client:
        yield client


@pytest.fixture(autouse=True)
def gate() -> Iterator[threading.Event]:
    """Lets the handler go on where it was asked to wait."""
    held = vars(threading)
    gate, held["test_served"] = held.setdefault("test_gate", threading.Event()), []
    gate.clear()
    yield gate
    gate.set()


async def until_served(name: str) -> None:
    while name not in vars(threading)["test_served"]:
        await asyncio.sleep(0.005)


async def test_ping_answers_the_text_of_the_http_ping(client: GrpcClient) -> None:
    assert (await client.inference.Ping(Empty())).health == '{\n  "status": "Healthy"\n}'


async def test_a_prediction_answers_the_handlers_bytes_whatever_status_it_sets(client: GrpcClient) -> None:
    assert await client.predict({"say": "hello"}) == b"hello"
    assert await client.predict({"say": {"a": 1}}) == b'{\n  "a": 1\n}'


async def test_a_version_can_be_named(client: GrpcClient) -> None:
    response = await client.inference.Predictions(prediction({"say": "one"}, version="1.0"))
    assert response.prediction == b"one"


async def test_a_handler_sees_every_input_as_a_bytearray_and_no_headers_of_the_call(client: GrpcClient) -> None:
    request = prediction({"tell": True}, other=b"\xff")
    seen = json.loads((await client.inference.Predictions(request, metadata=[("x-mine", "1")])).prediction)
    assert seen["row"] == {"data": "bytearray", "other": "bytearray"}
    assert seen["headers"] == {"data": {"content-type": ""}, "other": {"content-type": ""}}


@pytest.mark.parametrize(
    ("request_of", "details"),
    [
        ({"model": "nope"}, f"Model not found: nope\n{JAVA}.archive.model.ModelNotFoundException"),
        (
            {"version": "9.0"},
            f"Model version: 9.0 does not exist for model: asked\n{JAVA}.archive.model.ModelVersionNotFoundException",
        ),
        ({"model": ""}, "Parameter model_name is required.\nBadRequestException.()"),
    ],
)
async def test_what_cannot_be_predicted_is_internal_as_torchserve_says(
    client: GrpcClient, request_of: dict[str, str], details: str
) -> None:
    request = prediction(**request_of)
    assert await failure(client.inference.Predictions(request)) == ("INTERNAL", details)


async def test_a_model_without_workers_refuses(client: GrpcClient) -> None:
    version = client.application.registry.resolve("asked")
    await client.application.registry.scale(version, 0, 0, wait=True)
    assert await failure(client.predict()) == ("INTERNAL", NO_WORKER)


@pytest.mark.parametrize(
    ("ask", "code", "message"),
    [
        ({"raise": "value"}, "UNAVAILABLE", "Prediction failed"),
        ({"raise": "memory"}, "INTERNAL", "Out of resources"),
        ({"raise": "exit"}, "INTERNAL", "Worker died."),
        ({"refuse": 400}, "INVALID_ARGUMENT", "refused"),
        ({"refuse": 404}, "NOT_FOUND", "refused"),
        ({"refuse": 413}, "RESOURCE_EXHAUSTED", "refused"),
        ({"refuse": 418}, "FAILED_PRECONDITION", "refused"),
        ({"refuse": 302}, "UNKNOWN", "refused"),
        ({"refuse": 504}, "DEADLINE_EXCEEDED", "refused"),
    ],
)
async def test_a_handlers_failure_has_the_code_of_its_status(
    client: GrpcClient, ask: dict[str, Any], code: str, message: str
) -> None:
    told = f"{message}\n{JAVA}.http.InternalServerException"
    assert await failure(client.predict(ask)) == (code, told)


async def test_a_handler_that_refuses_with_200_answers_the_word_error(client: GrpcClient) -> None:
    assert await client.predict({"refuse": 200}) == b"error"


async def test_pieces_come_one_by_one_while_the_handler_goes_on(client: GrpcClient, gate: threading.Event) -> None:
    call = client.inference.StreamPredictions(prediction({"pieces": 2, "hold": True, "say": ""}), timeout=30)
    assert (await call.read()).prediction == b"0;"
    gate.set()
    assert [(await call.read()).prediction for _ in range(2)] == [b"1;", b""]
    assert await call.read() is grpc.aio.EOF


async def test_a_stream_whose_client_leaves_is_not_wanted_any_more(client: GrpcClient, gate: threading.Event) -> None:
    call = client.inference.StreamPredictions(prediction({"pieces": 2, "hold": True}))
    assert (await call.read()).prediction == b"0;"
    (worker,) = client.application.registry.resolve("asked").pool.workers
    assert worker.batch is not None
    (job,) = worker.batch.jobs
    call.cancel()
    while not job.cancelled:
        await asyncio.sleep(0.005)
    gate.set()


async def test_a_stream_of_a_handler_that_does_not_stream_is_one_piece(client: GrpcClient) -> None:
    call = client.inference.StreamPredictions(prediction({"say": "all"}))
    assert [response.prediction async for response in call] == [b"all"]


async def test_a_stream_that_breaks_ends_with_the_error_after_its_pieces(client: GrpcClient) -> None:
    call = client.inference.StreamPredictions(prediction({"pieces": 3, "fail_at": 1}))
    assert [(await call.read()).prediction for _ in range(2)] == [b"0;", b"1;"]
    assert (await failure(call.read()))[0] == "UNAVAILABLE"
    assert await client.predict({"say": "next"}) == b"next"


async def test_a_whole_answer_of_a_handler_that_streams_holds_all_pieces(client: GrpcClient) -> None:
    assert await client.predict({"pieces": 2, "say": "end"}) == b"0;1;end"


@pytest.mark.parametrize("how", ["cancel", "deadline"])
async def test_a_job_whose_client_gave_up_is_not_served(client: GrpcClient, gate: threading.Event, how: str) -> None:
    busy = asyncio.ensure_future(client.predict({"wait": True, "name": "busy"}))
    await until_served("busy")
    timeout = 0.2 if how == "deadline" else 30
    call = client.inference.Predictions(prediction({"name": "gone"}), timeout=timeout)
    version = client.application.registry.resolve("asked")
    while len(version.batcher) == 0:
        await asyncio.sleep(0.005)
    if how == "cancel":
        call.cancel()
    with pytest.raises((asyncio.CancelledError, grpc.aio.AioRpcError)):
        await call
    while not version.batcher._jobs[0].cancelled:
        await asyncio.sleep(0.005)
    gate.set()
    assert await busy == b"done"
    assert await client.predict({"name": "next"}) == b"done"
    assert vars(threading)["test_served"] == ["busy", "next"]


async def test_a_sequence_is_answered_in_its_order_and_its_failures_do_not_end_it(client: GrpcClient) -> None:
    asks = [
        prediction({"pieces": 1, "say": "end"}, sequence="s"),
        prediction({"raise": "value"}, sequence="s"),
        prediction({"say": "no sequence"}),
        prediction({"say": "last"}, sequence="s"),
    ]
    call = client.inference.StreamPredictions2(iter(asks), timeout=30)
    got = [response async for response in call]
    assert [response.prediction for response in got] == [b"0;", b"end", b"", b"", b"last"]
    assert [response.sequence_id for response in got] == ["s", "s", "s", "", "s"]
    assert [(response.status.code, response.status.message) for response in got[2:4]] == [
        (grpc.StatusCode.UNAVAILABLE.value[0], "Prediction failed"),
        (grpc.StatusCode.INTERNAL.value[0], "Parameter sequenceId is required."),
    ]
    assert got[3].status.details[0].type_url == "type.googleapis.com/google.rpc.ErrorInfo"
    assert b"BadRequestException.()" in got[3].status.details[0].value


async def test_the_handler_is_told_of_a_sequence_by_its_headers(client: GrpcClient) -> None:
    asks = [
        prediction({"tell": True}, sequence="s", ts_request_sequence_start=b"true"),
        prediction({"tell": True}, sequence="s", ts_request_sequence_end=b"True"),
    ]
    call = client.inference.StreamPredictions2(iter(asks), timeout=30)
    headers = [json.loads(response.prediction)["headers"] async for response in call]
    assert [told["ts_request_sequence_id"] for told in headers] == ["s", "s"]
    assert headers[0]["ts_request_sequence_start"] == headers[1]["ts_request_sequence_end"] == "true"
    assert "ts_request_sequence_end" not in headers[0]


async def test_a_client_that_leaves_a_sequence_leaves_no_work_behind(client: GrpcClient, gate: threading.Event) -> None:
    async def asks() -> AsyncIterator[Any]:
        yield prediction({"wait": True, "name": "first"}, sequence="s")
        yield prediction({"name": "second"}, sequence="s")

    call = client.inference.StreamPredictions2(asks())
    await until_served("first")
    version = client.application.registry.resolve("asked")
    while len(version.batcher) == 0:
        await asyncio.sleep(0.005)
    call.cancel()
    while not version.batcher._jobs[0].cancelled:
        await asyncio.sleep(0.005)
    gate.set()
    assert await client.predict({"name": "next"}) == b"done"
    assert vars(threading)["test_served"] == ["first", "next"]
