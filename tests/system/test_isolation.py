"""Models whose workers are processes: the same answers, and nothing that they do to themselves reaches the server."""

import asyncio
import json
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import httpx2
import pytest

from tests.conftest import MakeArchive
from tests.support.footprint import children, has_ended
from tests.support.load import until
from tests.support.processes import Server
from tests.support.serving import Client, serving

pytestmark = pytest.mark.anyio

ANSWERS = """
    import math
    from ts.handler_utils.utils import send_intermediate_predict_response as send
    from ts.utils.util import PredictionException

    RESULTS = {
        "text": "text \\u00e4", "bytes": b"\\x00\\xff", "bytearray": bytearray(b"abc"),
        "dict": {"b": [1, 2.5], "a": None}, "number": 7, "nan": math.nan, "set": {1}, "nothing": None,
    }
    ERRORS = {"value": ValueError, "memory": MemoryError, "cuda": RuntimeError}

    class Answers:
        def initialize(self, context):
            self.name = context.system_properties["server_name"]

        def handle(self, data, context):
            return [self.answer(row, index, context) for index, row in enumerate(data)]

        def answer(self, row, index, context):
            what, _, value = str(row.get("what") or row.get("body")).partition(":")
            if what == "row":
                return {name: [type(found).__name__, str(found)] for name, found in row.items()}
            if what == "headers":
                return context.get_all_request_header(index)
            if what == "result":
                return RESULTS[value]
            if what == "respond":
                context.set_response_status(int(value), "as told", index)
                context.set_response_header(index, "x-told", "1")
                context.set_response_content_type(index, "text/told")
                return "told"
            if what == "raise":
                raise ERRORS[value](value.upper())
            if what == "refuse":
                raise PredictionException("refused", int(value))
            if what == "short":
                return []
            if what == "stream":
                for piece in ("one ", "two "):
                    send({index: piece}, {index: ""}, "", 200, context)
                return "three"
            return [context.get_request_id(index) is not None, self.name, len(context.request_ids)]
"""
ASKS: list[dict[str, Any]] = [
    *({"json": f"result:{name}"} for name in ("text", "bytes", "bytearray", "dict", "number", "nan", "set", "nothing")),
    *({"json": f"respond:{status}"} for status in (200, 201, 418, 503)),
    *({"json": f"raise:{kind}"} for kind in ("value", "memory", "cuda")),
    *({"json": f"refuse:{status}"} for status in (400, 413, 500)),
    {"json": "stream:"},
    {"json": "else"},
    {"json": {"what": "inside"}},
    {"params": {"what": "row"}, "content": b"\x00\x01", "headers": {"content-type": "image/png"}},
    {"params": {"what": "row"}, "content": "täxt", "headers": {"content-type": "text/plain"}},
    {"data": {"what": "row", "field": "value"}},
    {"files": {"what": (None, b"row"), "file": ("a.bin", b"\x02" * 200_000, "application/octet-stream")}},
    {"params": {"what": "headers"}, "content": b"x", "headers": {"X-Mixed-Case": "kept", "content-type": "text/plain"}},
]
WORKS = """
    import ctypes, os, signal, subprocess, threading, time
    class Works:
        def initialize(self, context):
            self.calls = 0
        def handle(self, data, context):
            return [self.do(row["body"]) for row in data]
        def do(self, ask):
            self.calls += 1
            if ask == "crash":
                ctypes.string_at(0)
            if ask == "hang":
                ctypes.PyDLL(None).sleep(60)
            if ask == "exit 137":
                os._exit(137)
            return [os.getpid(), self.calls, ask]
"""


def seen(answer: httpx2.Response) -> tuple[int, bytes, dict[str, str]]:
    """Behaviour that is the same however a model is served."""
    own = {"x-request-id", "date", "content-length"}
    return answer.status_code, answer.content, {k: v for k, v in answer.headers.items() if k not in own}


def boundary(ask: dict[str, Any]) -> dict[str, Any]:
    """The ask, with a boundary that does not change."""
    request = httpx2.Request("POST", "http://server", **{key: ask[key] for key in ask if key != "params"})
    return {"params": ask.get("params"), "content": request.read(), "headers": dict(request.headers)}


@pytest.mark.parametrize("config", ["", "batchSize: 4\nmaxBatchDelay: 5\n"])
async def test_answers_are_those_of_a_thread(store: Path, archive: MakeArchive, config: str) -> None:
    for kind in ("thread", "process"):
        archive(kind, ANSWERS, config=f"{config}isolation: {kind}\n")
    async with serving(store, "thread.mar", "process.mar") as client:
        for ask in map(boundary, ASKS):
            ask["headers"]["host"] = "server"
            answers = [await client.http.post(f"/predictions/{kind}", **ask) for kind in ("thread", "process")]
            assert seen(answers[1]) == seen(answers[0]), ask


async def test_metrics_of_the_handler_are_the_servers(store: Path, archive: MakeArchive) -> None:
    archive("works", WORKS, config="isolation: process\n")
    async with serving(store, "works.mar") as client:
        await client.predict("works", "fine")
        text = (await client.http.get("/metrics")).text
    assert 'PredictionTime{ModelName="works",Level="Model",' in text


async def test_a_crash_costs_its_batch_only(
    store: Path, archive: MakeArchive, capfd: pytest.CaptureFixture[str]
) -> None:
    archive("works", WORKS, config="isolation: process\nminWorkers: 2\nmaxWorkers: 2\n")
    archive("thread", WORKS)
    asks = ["fine"] * 8 + ["crash"] + ["fine"] * 8
    async with serving(store, "works.mar", "thread.mar") as client:
        answers = await asyncio.gather(*(client.predict("works", ask) for ask in asks))
        assert [answer.status_code for answer in answers] == [200 if ask == "fine" else 500 for ask in asks]
        assert answers[8].json() == {"code": 500, "type": "InternalServerException", "message": "Worker died."}
        assert (await client.predict("thread", "fine")).status_code == 200
        assert (await client.http.get("/ping")).status_code == 200
    assert capfd.readouterr().out.count("MODEL_LOG - The worker has ended: killed by SIGSEGV.\n") == 1


async def test_a_process_that_was_out_of_memory_answers_507(store: Path, archive: MakeArchive) -> None:
    archive("works", WORKS, config="isolation: process\n")
    async with serving(store, "works.mar") as client:
        answer = await client.predict("works", "exit 137")
        assert (answer.status_code, answer.json()["message"]) == (507, "Worker died.")
        assert (await client.predict("works", "fine")).status_code == 200


async def test_a_hanging_process_is_killed_and_replaced_and_does_not_count_as_abandoned(
    store: Path, archive: MakeArchive
) -> None:
    archive("works", WORKS, config="isolation: process\nresponseTimeout: 1\n")
    async with serving(store, "works.mar", hung_workers_limit="1") as client:
        (before,) = [worker["pid"] for worker in (await client.describe("works"))["workers"]]
        answer = await client.predict("works", "hang")
        assert (answer.status_code, answer.json()["message"]) == (500, "Worker died.")
        pid, calls, _ = (await client.predict("works", "fine")).json()
        assert (pid != before, calls) == (True, 1)
        assert client.application.registry.hung_count == 0
        assert (await client.http.get("/ping")).status_code == 200
        assert pid in children(os.getpid())
        assert before not in children(os.getpid())


async def test_two_workers_are_two_processes_that_serve_at_once(store: Path, archive: MakeArchive) -> None:
    archive(
        "works", WORKS, config="isolation: process\nminWorkers: 2\nmaxWorkers: 2\nbatchSize: 3\njobQueueSize: 200\n"
    )
    async with serving(store, "works.mar") as client:
        answers = [answer.json() for answer in await asyncio.gather(*(client.predict("works", i) for i in range(120)))]
        pids = {worker["pid"] for worker in (await client.describe("works"))["workers"]}
    assert [ask for _, _, ask in answers] == list(range(120))
    assert {pid for pid, _, _ in answers} <= pids
    calls = Counter((pid, number) for pid, number, _ in answers)
    assert set(calls.values()) == {1}  # each request was served once, by one of them
    assert len(pids) == 2
    assert os.getpid() not in pids


async def test_large_bodies_are_echoed(store: Path, archive: MakeArchive) -> None:
    archive(
        "echo", "def handle(data, context):\n    return data and [r['body'] for r in data]", config="isolation: process"
    )
    body = os.urandom(5 << 20)
    async with serving(store, "echo.mar") as client:
        answers = await asyncio.gather(*(client.http.post("/predictions/echo", content=body) for _ in range(3)))
    assert {answer.content == body for answer in answers} == {True}


async def test_unregistering_and_scaling_down_leave_no_process(store: Path, archive: MakeArchive) -> None:
    archive("works", WORKS, config="isolation: process\n")
    async with serving(store) as client:
        before = children(os.getpid())
        await client.register("works.mar")
        await client.manage("PUT", "/models/works", min_worker=3, synchronous="true")
        assert len(children(os.getpid()) - before) == 3
        await client.manage("PUT", "/models/works", min_worker=1, synchronous="true")
        while len(children(os.getpid()) - before) > 1:
            await asyncio.sleep(0.01)
        await client.manage("DELETE", "/models/works")
        assert children(os.getpid()) == before


async def test_unregistering_kills_what_hangs(store: Path, archive: MakeArchive) -> None:
    archive("works", WORKS, config="isolation: process\n")
    async with serving(store, "works.mar", drain_timeout="0.2") as client:
        version = client.application.registry.resolve("works")
        await client.predict("works", "fine")
        while version.pool.workers[0].batch is not None:  # for a moment after the answer
            await asyncio.sleep(0.01)
        before = children(os.getpid())
        while version.pool.workers[0].batch is not None:
            await asyncio.sleep(0.01)
        hanging = asyncio.create_task(client.predict("works", "hang"))
        while version.pool.workers[0].batch is None:
            await asyncio.sleep(0.01)
        await client.manage("DELETE", "/models/works")
        answer = await hanging
    assert (answer.status_code, answer.json()["message"]) == (500, "Worker died.")
    assert len(before) == len(children(os.getpid())) + 1


@pytest.mark.parametrize("kind", ["thread", "process"])
async def test_a_worker_that_hangs_after_scaling_down_is_given_up_too(
    store: Path, archive: MakeArchive, kind: str
) -> None:
    archive("works", WORKS.replace("ctypes.PyDLL(None).sleep(60)", "time.sleep(5)"), config="responseTimeout: 1\n")
    async with serving(store) as client:
        await client.register("works.mar", isolation=kind)
        version = client.application.registry.resolve("works")
        hanging = asyncio.create_task(client.predict("works", "hang"))
        while version.pool.workers[0].batch is None:
            await asyncio.sleep(0.01)
        await client.manage("PUT", "/models/works", min_worker=0)
        answer = await hanging
        assert (answer.status_code, answer.json()["message"]) == (500, "Worker died.")
        assert version.pool.abandoned_count == (kind == "thread")


async def test_a_registration_may_ask_for_it_and_wins(store: Path, archive: MakeArchive) -> None:
    archive("works", WORKS, config="isolation: thread\n")
    async with serving(store) as client:
        await client.register("works.mar", isolation="process")
        assert (await client.predict("works", "fine")).json()[0] != os.getpid()
        await client.manage("DELETE", "/models/works")
        await client.register("works.mar")
        assert (await client.predict("works", "fine")).json()[0] == os.getpid()


async def test_a_handler_that_does_not_load_fails_its_registration(store: Path, archive: MakeArchive) -> None:
    archive("broken", "import torch_is_not_here", config="isolation: process\n")
    async with serving(store) as client:
        before = children(os.getpid())
        answer = await client.register("broken.mar")
        assert answer.status_code == 500
        assert "Failed to start workers for model broken" in answer.json()["message"]
        assert children(os.getpid()) == before


async def test_a_model_that_keeps_state_keeps_it_in_its_process(store: Path, archive: MakeArchive) -> None:
    config = """
        isolation: process
        minWorkers: 2
        maxWorkers: 2
        sequenceBatching: true
        sequenceMaxIdleMSec: 60000
        maxNumSequence: 4
    """
    archive("works", WORKS, config=config)

    async def ask(client: Client, sequence: str) -> list[Any]:
        headers = {"ts_request_sequence_id": sequence}
        return [(await client.predict("works", number, headers=headers)).json() for number in range(5)]

    async with serving(store, "works.mar") as client:
        for answers in await asyncio.gather(ask(client, "a"), ask(client, "b")):
            assert len({pid for pid, _, _ in answers}) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_its_server(store: Path, archive: MakeArchive, number: signal.Signals) -> None:
    archive("works", WORKS, config="isolation: process\n")
    with Server.of(store, "works.mar") as server:
        server.until_listening()
        request = Request(f"{server.url}/predictions/works", b'"fine"', {"Content-Type": "application/json"})
        with urlopen(request) as answer:
            pid = json.load(answer)[0]
        processes = children(server.process.pid)  # the watchdog's, too
        assert pid in processes
        server.stop(number)
        until(lambda: all(map(has_ended, processes)))
