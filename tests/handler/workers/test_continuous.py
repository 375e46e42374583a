"""Continuous batching: a handler is called for the same requests until its criteria end them; others join meanwhile."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from handler.errors import PredictionFailed
from handler.job import Input, Part
from model_registry.reply import ResponseStream
from tests.conftest import MakeArchive
from tests.support.serving import Client, serving

pytestmark = pytest.mark.anyio

COUNTS_DOWN = """
    import pathlib
    class CountsDown:
        def initialize(self, context):
            self.left, self.names = {}, {}
        def handle(self, data, context):
            ids = [context.get_request_id(index) for index in range(len(data))]
            for id, row in zip(ids, data):
                if id not in self.left:
                    self.left[id], self.names[id] = row["body"]["steps"], row["body"]["name"]
                    if gate := row["body"].get("gate"):
                        pathlib.Path(gate).read_text()
            context.stopping_criteria = [self.criterion(id) for id in ids]
            rows = [sorted(row) for row in data]
            answers = []
            for id in ids:
                self.left[id] -= 1
                if self.names[id] == "fails" and not self.left[id]:
                    raise ValueError("at the last step")
                answers.append([self.names[id], self.left[id], [self.names[each] for each in ids], rows])
            return answers
        def criterion(self, id):
            def stop(answer):
                if self.names[id] == "whole":
                    return None
                return self.left[id] == 0
            return stop
"""


@pytest.fixture
async def client(store: Path, archive: MakeArchive) -> AsyncIterator[Client]:
    archive("counts", COUNTS_DOWN, config="continuousBatching: true\nbatchSize: 2\nmaxBatchDelay: 0\n")
    async with serving(store, "counts.mar") as client:
        yield client


def pieces(text: str) -> list[Any]:
    """The JSON documents that follow each other in a stream."""
    found, rest = [], text
    while rest:
        piece, end = json.JSONDecoder().raw_decode(rest)
        found.append(piece)
        rest = rest[end:]
    return found


async def test_a_request_comes_again_with_an_empty_row_until_its_criterion_is_true(client: Client) -> None:
    answer = await client.predict("counts", {"name": "a", "steps": 3})
    assert answer.headers["ts_stream_next"] == "true"
    assert [(left, rows) for _, left, _, rows in pieces(answer.text)] == [(2, [["body"]]), (1, [[]]), (0, [[]])]


async def test_none_is_the_whole_answer(client: Client) -> None:
    answer = await client.predict("counts", {"name": "whole", "steps": 3})
    assert "ts_stream_next" not in answer.headers
    assert answer.json()[1] == 2


async def test_a_stream_of_one_piece_is_an_answer(client: Client) -> None:
    """TorchServe loses it: it sends a body without a head."""
    answer = await client.predict("counts", {"name": "once", "steps": 1})
    assert (answer.headers["ts_stream_next"], answer.json()[1]) == ("false", 0)


async def test_others_join_in_the_places_of_those_that_are_done(client: Client, tmp_path: Path) -> None:
    version = client.application.registry.resolve("counts")
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    first = asyncio.create_task(client.predict("counts", {"name": "a", "steps": 4, "gate": str(gate)}))
    while version.pool.workers[0].batch is None:
        await asyncio.sleep(0.001)
    others = [asyncio.create_task(client.predict("counts", {"name": name, "steps": 1})) for name in ("b", "c")]
    while len(version.batcher) < 2:
        await asyncio.sleep(0.001)
    await asyncio.to_thread(gate.write_text, "go")
    together = [names for _, _, names, _ in pieces((await first).text)]
    assert together == [["a"], ["a", "b"], ["a", "c"], ["a"]]
    assert [(await other).json()[:2] for other in others] == [["b", 0], ["c", 0]]
    assert version.batcher.is_idle


async def test_an_error_cuts_the_streams_of_all_that_take_part_and_the_worker_lives_on(client: Client) -> None:
    version = client.application.registry.resolve("counts")
    body = Part("body", "application/json", b'{"name": "fails", "steps": 2}')
    stream = await version.predict(Input((body,)), "id")
    assert isinstance(stream, ResponseStream)
    with pytest.raises(PredictionFailed):
        [chunk async for chunk in stream]
    assert (await client.predict("counts", {"name": "whole", "steps": 2})).status_code == 200
