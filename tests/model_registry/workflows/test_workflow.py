"""Workflows: requests pass from node to node."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeArchive
from tests.support.serving import serving
from tests.support.workflows import NUMBERS, SHOWS, ask, register, war

pytestmark = pytest.mark.anyio


async def answer(store: Path, dag: str, models: dict[str, str] | None = None, general: str = NUMBERS) -> Any:
    """The answer of a workflow of these nodes to "hello"."""
    war(store, "flow", dag, models, general)
    async with serving(store) as client:
        registered = await register(client, "flow.war")
        assert registered.status_code == 200, registered.text
        return await ask(client, "flow")


async def test_a_node_gets_what_the_one_before_answered(store: Path, archive: MakeArchive) -> None:
    archive("shows", SHOWS)
    got = await answer(store, "  first: [middle]\n  middle: [join]\n", {"middle": "shows.mar"})
    assert (got.status_code, got.headers["content-type"]) == (200, "application/json")
    assert json.loads(got.json()["body"]) == {"me": "flow__middle", "body": "hello!"}


async def test_a_node_after_several_gets_each_answer_by_its_name(store: Path, archive: MakeArchive) -> None:
    archive("shows", SHOWS)
    dag = "  first: [a, b]\n  a: [join]\n  b: [join]\n"
    got = (await answer(store, dag, {"a": "shows.mar", "b": "shows.mar"})).json()
    assert {name: json.loads(text) for name, text in got.items()} == {
        name: {"me": f"flow__{name}", "body": "hello!"} for name in ("a", "b")
    }


async def test_several_last_nodes_answer_by_their_names(store: Path) -> None:
    """Bodies that are no JSON objects are errors to TorchServe; here they are passed on."""
    got = await answer(store, "  first: [join, words, number]\n")
    assert got.json() == {"join": {"body": "hello!"}, "words": "plain words", "number": 7}
    assert got.text.startswith('{\n  "join": {\n    "body": "hello!"\n  },\n  "words"')
    assert got.text.endswith("\n}\n")


async def test_statuses_and_headers_of_nodes_do_not_count(store: Path) -> None:
    got = await answer(store, "  first: [rude]\n")
    assert (got.status_code, got.text, got.headers["content-type"]) == (200, "a pot", "application/json")
    assert "x-tea" not in got.headers


async def test_the_pieces_of_a_stream_are_one_answer(store: Path) -> None:
    assert (await answer(store, "  streams: [join]\n")).json() == {"body": "one two"}


async def test_branches_run_side_by_side(store: Path) -> None:
    """Both sleep half a second, and there is time for one of them only."""
    dag = "  first: [sleepy, join]\n  sleepy: [words]\n  join: [words]\n"
    assert (await answer(store, dag)).text == "plain words"
    general = f"{NUMBERS}  timeout-ms: 700\n"
    assert (await answer(store, "  sleepy: [join]\n", general=general)).status_code == 200


async def test_a_failing_node_is_asked_again_as_often_as_the_workflow_says(store: Path) -> None:
    assert (await answer(store, "  flaky: []\n", general=f"{NUMBERS}  retry-attempts: 2\n")).json() == {"calls": 3}


@pytest.mark.parametrize(
    ("dag", "general", "node"),
    [
        ("  flaky: [join]\n", "  retry-attempts: 1\n", "flaky"),
        ("  first: [flaky, join]\n", "  retry-attempts: 0\n", "flaky"),
        ("  first: [sleepy]\n", "  timeout-ms: 50\n  retry-attempts: 0\n", "sleepy"),
    ],
)
async def test_a_node_that_gives_no_answer_fails_the_request(store: Path, dag: str, general: str, node: str) -> None:
    got = await answer(store, dag, general=NUMBERS + general)
    assert got.status_code == 500
    assert got.json() == {"code": 500, "type": "InternalServerException", "message": f"Error executing {node}"}


async def test_concurrent_requests_share_the_batches_of_the_nodes(store: Path) -> None:
    war(store, "flow", "  first: [join]\n")
    async with serving(store) as client:
        await register(client, "flow.war")
        answers = await asyncio.gather(*(ask(client, "flow", f"text {n}") for n in range(20)))
    assert [got.json() for got in answers] == [{"body": f"text {n}!"} for n in range(20)]
