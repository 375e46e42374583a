"""Stateful models: which sequence a request belongs to, and what handlers and clients see of it."""

import asyncio
import re
from pathlib import Path

import pytest

from handler.job import Input, Job
from model_registry.config import ModelConfig
from model_registry.sequence_routing import SequenceRouter
from model_registry.server_defaults import SequenceHeaders
from tests.conftest import MakeArchive
from tests.support.serving import serving

pytestmark = pytest.mark.anyio
STATEFUL = "sequenceBatching: true\nsequenceMaxIdleMSec: 60000\nmaxNumSequence: 2\nmaxSequenceJobQueueSize: 2\n"
MADE = re.compile(r"ts-seq-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
COUNTS = """
    class Counts:
        def initialize(self, context):
            self.counts = {}
        def handle(self, data, context):
            answers = []
            for index in range(len(data)):
                name = context.get_sequence_id(index)
                start = context.get_request_header(index, "ts_request_sequence_start")
                self.counts[name] = self.counts.get(name, 0) + 1
                answers.append([name, self.counts[name], start])
                if self.counts[name] == 3:
                    context.set_response_header(index, "ts_request_sequence_end", name)
            return answers
"""
TALKS = """
    class Talks:
        def initialize(self, context):
            self.asked, self.stopped = {}, set()
        def handle(self, data, context):
            answers = []
            context.stopping_criteria = []
            for index, row in enumerate(data):
                asked = self.asked.setdefault(context.get_request_id(index), row.get("body"))
                sequence = context.get_sequence_id(index)
                if asked == "stop":
                    self.stopped.add(sequence)
                context.stopping_criteria.append(
                    lambda answer, sequence=sequence: None if answer == "stop" else sequence in self.stopped
                )
                answers.append(asked)
            return answers
"""


def sequencing(headers: SequenceHeaders | None = None) -> SequenceRouter:
    config = ModelConfig(stateful=True, sequence_max_idle=60000, max_num_sequence=1, max_sequence_job_queue_size=1)
    return SequenceRouter(config, headers or SequenceHeaders())


def test_a_request_says_which_sequence_it_belongs_to() -> None:
    request = Input((), [("ts_request_sequence_id", "old"), ("ts_request_sequence_id", "a")])
    assert sequencing().assign_sequence(request) == (request, "a")


@pytest.mark.parametrize("headers", [[], [("ts_request_sequence_id", "")], [("TS_Request_Sequence_Id", "a")]])
def test_a_request_that_names_none_begins_one(headers: list[tuple[str, str]]) -> None:
    named, sequence = sequencing().assign_sequence(Input((), headers))
    assert MADE.fullmatch(sequence)
    seen = dict(named.headers)
    assert (seen["ts_request_sequence_id"], seen["ts_request_sequence_start"]) == (sequence, "true")


def test_headers_can_be_called_otherwise_and_are_found_where_their_case_was_lost() -> None:
    own = sequencing(SequenceHeaders("X-Session", "X-Begin", "X-End"))
    assert own.assign_sequence(Input((), [("X-Session", "a")]))[1] == "a"
    assert own.assign_sequence(Input((), [("x-session", "a")], case_preserved=False))[1] == "a"
    assert own.assign_sequence(Input((), [("x-session", "a")]))[1] != "a"


@pytest.mark.parametrize("by", ["the request", "the answer"])
def test_a_sequence_is_ended_by_a_request_or_by_an_answer(by: str) -> None:
    one = sequencing()
    ended = Job(Input((), [("ts_request_sequence_end", "true")]), "id", sequence="a")
    one.batcher.submit(ended)
    if by == "the request":
        one.record_request(ended)
    else:
        one.record_answer([("ts_request_sequence_end", "b; a")])
    one.batcher._sequences.complete(ended)
    one.batcher.submit(Job(Input(()), "id", sequence="c"))  # for which there was no room before


async def test_a_handler_counts_each_sequence_in_its_order(store: Path, archive: MakeArchive) -> None:
    archive("counts", COUNTS, config=STATEFUL + "minWorkers: 2\nmaxWorkers: 2\n")
    async with serving(store, "counts.mar") as client:
        for count in (1, 2):
            for name in "ab":
                headers = {"ts_request_sequence_id": name}
                assert (await client.predict("counts", headers=headers)).json() == [name, count, None]
        refused = await client.predict("counts")
        assert refused.status_code == 503
        assert refused.json()["message"].endswith("closed, or expired; or exceeds maxSequenceJobQueueSize")
        await client.predict("counts", headers={"ts_request_sequence_id": "a"})  # the handler ends it
        name, count, start = (await client.predict("counts")).json()
        assert (bool(MADE.fullmatch(name)), count, start) == (True, 1, "true")
        described = await client.describe("counts")
        assert (described["stateful"], described["jobQueueStatus"]["pendingRequests"]) == (True, 0)


async def test_a_stateful_model_can_be_asked_to_describe_itself(store: Path, archive: MakeArchive) -> None:
    """TorchServe never answers that."""
    archive("counts", COUNTS, config=STATEFUL)
    async with serving(store, "counts.mar") as client:
        assert (await client.manage("GET", "/models/counts", customized="true")).status_code == 200


async def test_the_names_of_the_headers_come_from_the_configuration(store: Path, archive: MakeArchive) -> None:
    archive("counts", COUNTS, config=STATEFUL)
    async with serving(store, "counts.mar", ts_header_key_sequence_start="x-begin") as client:
        name, _, start = (await client.predict("counts")).json()
        assert (bool(MADE.fullmatch(name)), start) == (True, None)


async def test_with_continuous_batching_a_request_can_end_the_stream_of_its_own_sequence(
    store: Path, archive: MakeArchive
) -> None:
    archive("talks", TALKS, config=STATEFUL + "continuousBatching: true\nbatchSize: 1\n")
    async with serving(store, "talks.mar") as client:
        headers = {"ts_request_sequence_id": "a"}
        talking = asyncio.create_task(client.predict("talks", "go", headers=headers))
        while client.application.registry.resolve("talks").pool.workers[0].batch is None:
            await asyncio.sleep(0.001)
        assert (await client.predict("talks", "stop", headers=headers)).text == "stop"
        assert (await talking).text.startswith("go")
        assert client.application.registry.resolve("talks").batcher.is_idle
