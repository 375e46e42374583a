"""Warm-up requests of an archive: answered before the model is ready, and a failing one fails the load."""

from pathlib import Path

import pytest

from tests.conftest import MakeArchive
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

REMEMBERS = """
    import threading
    class Remembers:
        def initialize(self, context):
            self.seen = []
            self.thread = threading.get_ident()
        def handle(self, data, context):
            assert threading.get_ident() == self.thread
            bodies = [row["body"] for row in data]
            self.seen += [body.decode() if isinstance(body, (bytes, bytearray)) else body for body in bodies]
            kind = context.get_request_header(0, "Content-Type")
            if "bad" in bodies:
                raise ValueError("bad")
            return [{"seen": self.seen, "kind": kind}] * len(data)
"""
EXAMPLES = """
    warmup:
      - json: {features: [1, 2.5]}
      - text: hällo
      - file: example.bin
      - file: example.bin
        content_type: text/plain; charset=utf-8
"""


async def test_a_model_answers_its_examples_in_order_before_its_first_request(
    store: Path, archive: MakeArchive
) -> None:
    archive("remembers", REMEMBERS, {"example.bin": b"bytes"}, config=EXAMPLES)
    async with serving(store, "remembers.mar") as client:
        answer = await client.predict("remembers", "first")
    assert answer.json()["seen"] == [{"features": [1, 2.5]}, "hällo", "bytes", "bytes", "first"]


async def test_every_worker_is_warmed_up(store: Path, archive: MakeArchive) -> None:
    archive("remembers", REMEMBERS, config="warmup: [{text: warm}]\nminWorkers: 2\nmaxWorkers: 2\n")
    async with serving(store) as client:
        assert (await client.register("remembers.mar")).status_code == 200
        answers = [(await client.predict("remembers", "x")).json()["seen"] for _ in range(20)]
    assert all(seen[0] == "warm" and seen.count("warm") == 1 for seen in answers)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("warmup: [{text: good}, {text: bad}]", "warm-up request 2 of 2 was answered with an error: Prediction failed"),
        ("warmup: bad", "warmup has to be a list of requests, not 'bad'"),
        ("warmup: [{jsn: {}}]", "has one of json, text, file, and maybe content_type; not {'jsn': {}}"),
        ("warmup: [{text: a, json: 1}]", "has one of json, text, file"),
        ("warmup: [{text: a, type: b}]", "has one of json, text, file"),
        ("warmup: [{file: missing.jpg}]", "missing.jpg"),
    ],
)
async def test_a_warm_up_that_fails_fails_the_load_and_says_why(
    store: Path, archive: MakeArchive, capfd: pytest.CaptureFixture[str], config: str, message: str
) -> None:
    archive("remembers", REMEMBERS, config=config)
    async with serving(store) as client:
        answer = await client.register("remembers.mar")
        assert answer.status_code == 500
        assert (await client.http.get("/models/remembers")).status_code == 404
    assert message in capfd.readouterr().out


async def test_a_streaming_handler_is_warmed_up_too(store: Path, archive: MakeArchive) -> None:
    handler = """
        from ts.handler_utils.utils import send_intermediate_predict_response
        SEEN = []
        def handle(data, context):
            if data:
                SEEN.append(data[0]["body"])
                send_intermediate_predict_response(["piece"], context.request_ids, "ok", 200, context)
                return [",".join(SEEN)]
    """
    archive("streams", handler, config="warmup: [{text: warm}]")
    async with serving(store, "streams.mar") as client:
        assert (
            await client.predict("streams", content=b"x", headers={"Content-Type": "text/plain"})
        ).status_code == 200


async def test_an_archive_without_examples_is_not_warmed_up(store: Path, archive: MakeArchive) -> None:
    archive("remembers", REMEMBERS)
    async with serving(store, "remembers.mar") as client:
        assert (await client.predict("remembers", "first")).json()["seen"] == ["first"]
