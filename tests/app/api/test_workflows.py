"""Workflows from their registration to their end, over HTTP."""

import asyncio
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeArchive
from tests.support.serving import Client, serving

pytestmark = pytest.mark.anyio

SHOWS = """
    class Shows:
        def initialize(self, context):
            self.name = context.model_name
        def handle(self, data, context):
            return [{"me": self.name, **{key: text(value) for key, value in row.items()}} for row in data]
    def text(value):
        return value.decode() if isinstance(value, (bytes, bytearray)) else value
"""
FUNCTIONS = """
import threading
CALLS = [0]
def text(value):
    return value.decode() if isinstance(value, (bytes, bytearray)) else value
def first(data, context):
    return data and [text(row["body"]) + "!" for row in data]
def join(data, context):
    return data and [{key: text(value) for key, value in row.items()} for row in data]
def words(data, context):
    return data and ["plain words" for _ in data]
def number(data, context):
    return data and [7 for _ in data]
def rude(data, context):
    if data:
        context.set_response_status(code=418, phrase="teapot", idx=0)
        context.set_response_content_type(0, "text/tea")
        context.set_response_header(0, "x-tea", "yes")
    return data and ["a pot" for _ in data]
def flaky(data, context):
    if data:
        CALLS[0] += 1
        if CALLS[0] % 3:
            raise ValueError("now and then")
    return data and [{"calls": CALLS[0]} for _ in data]
def sleepy(data, context):
    if data:
        threading.Event().wait(0.5)
    return data and [{"slept": True} for _ in data]
def streams(data, context):
    from ts.handler_utils.utils import send_intermediate_predict_response as send
    if data:
        send(["one "], context.request_ids, "Intermediate Prediction success", 200, context)
    return data and ["two" for _ in data]
"""
NUMBERS = "  min-workers: 1\n  max-workers: 1\n  batch-size: 2\n  max-batch-delay: 20\n"


def war(folder: Path, name: str, dag: str, models: dict[str, str] | None = None, general: str = NUMBERS) -> None:
    """NAME.war, with a function for every node that is no model."""
    nodes = "".join(f"  {node}:\n    url: {url}\n" for node, url in (models or {}).items())
    workflow = {"workflowName": name, "specFile": f"{name}.yaml", "handler": "functions.py"}
    with zipfile.ZipFile(folder / f"{name}.war", "w") as archive:
        archive.writestr("WAR-INF/MANIFEST.json", json.dumps({"workflow": workflow, "archiverVersion": "0.2.15"}))
        archive.writestr(f"{name}.yaml", f"models:\n{general}{nodes}dag:\n{dag}")
        archive.writestr("functions.py", FUNCTIONS)


async def ask(client: Client, name: str, text: str = "hello") -> Any:
    return await client.http.post(f"/wfpredict/{name}", content=text, headers={"content-type": "text/plain"})


async def register(client: Client, url: str, **query: Any) -> Any:
    return await client.manage("POST", "/workflows", url=url, **query)


async def answer(store: Path, dag: str, models: dict[str, str] | None = None, general: str = NUMBERS) -> Any:
    """What a workflow of these nodes answers to "hello"."""
    war(store, "flow", dag, models, general)
    async with serving(store) as client:
        registered = await register(client, "flow.war")
        assert registered.status_code == 200, registered.text
        return await ask(client, "flow")


def unpacked() -> set[str]:
    folder = Path(tempfile.gettempdir(), "models")
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))


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
    """What is no JSON object is an error to TorchServe; here it is told as it is."""
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


async def test_a_workflow_is_registered_described_listed_and_unregistered(store: Path, archive: MakeArchive) -> None:
    archive("shows", SHOWS)
    war(store, "flow", "  first: [middle]\n", {"middle": "shows.mar"})
    async with serving(store, "shows.mar") as client:
        registered = await register(client, "flow.war")
        assert registered.json() == {"status": "Workflow flow has been registered and scaled successfully."}
        assert (await client.http.get("/workflows")).json() == {
            "workflows": [{"workflowName": "flow", "workflowUrl": "flow.war"}]
        }
        described = {
            "workflowName": "flow", "workflowUrl": "flow.war", "minWorkers": 1, "maxWorkers": 1, "batchSize": 2,
            "maxBatchDelay": 20, "workflowDag": "{first=[middle]}",
        }  # fmt: skip
        assert (await client.http.get("/workflows/flow")).json() == [described]
        assert len(unpacked()) == 4  # the model, the workflow, and a folder for each of its nodes
        gone = await client.manage("DELETE", "/workflows/flow")
        assert gone.json() == {"status": 'Workflow "flow" unregistered'}
        assert (await ask(client, "flow")).json()["type"] == "WorkflowNotFoundException"
        assert (await client.http.get("/models")).json() == {
            "models": [{"modelName": "shows", "modelUrl": "shows.mar"}]
        }
        assert (await client.http.get("/models/flow__first")).status_code == 404
        assert len(unpacked()) == 1
    assert unpacked() == set()


async def test_model_nodes_are_models_and_functions_are_not_listed(store: Path, archive: MakeArchive) -> None:
    archive("shows", SHOWS, version="3.1")
    war(store, "flow", "  first: [middle]\n", {"middle": "shows.mar\n    max-workers: 2\n    batch-size: 5"})
    async with serving(store) as client:
        await register(client, "flow.war", response_timeout=33)
        listed = (await client.http.get("/models")).json()
        assert listed == {"models": [{"modelName": "flow__middle", "modelUrl": "shows.mar"}]}
        told = await client.describe("flow__middle")
        assert [told[key] for key in ("modelVersion", "minWorkers", "maxWorkers", "batchSize", "responseTimeout")] == [
            "3.1", 2, 2, 5, 33,
        ]  # fmt: skip
        told = await client.describe("flow__first")
        assert "modelUrl" not in told
        assert [told[key] for key in ("modelVersion", "minWorkers", "batchSize", "maxBatchDelay")] == ["1.0", 1, 1, 0]
        assert (await client.predict("flow__middle", 1)).json() == {"me": "flow__middle", "body": 1}


async def test_a_node_that_fails_to_register_takes_the_workflow_with_it(store: Path, archive: MakeArchive) -> None:
    archive("shows", SHOWS)
    war(store, "flow", "  first: [good, gone, nothing]\n", {"good": "shows.mar", "gone": "gone.mar"})
    async with serving(store) as client:
        failed = await register(client, "flow.war")
        assert failed.status_code == 500
        assert failed.json()["type"] == "WorkflowException"
        assert failed.json()["message"] == (
            "Workflow flow has failed to register. Failures: [Workflow Node flow__gone failed to register. Details: "
            "Model not found at: gone.mar, Failed to start workers for model flow__nothing version: 1.0]"
        )
        assert (await client.http.get("/workflows")).json() == {"workflows": []}
        assert (await client.http.get("/models")).json() == {"models": []}
        assert unpacked() == set()


async def test_a_name_belongs_to_one_workflow(store: Path) -> None:
    war(store, "flow", "  first: []\n")
    async with serving(store) as client:
        answers = await asyncio.gather(*(register(client, "flow.war") for _ in range(3)))
        assert sorted(got.status_code for got in answers) == [200, 409, 409]
        conflict = (await register(client, "flow.war")).json()
        assert conflict["type"] == "ConflictStatusException"
        assert conflict["message"] == "Workflow flow is already registered."
        assert (await register(client, "flow.war", workflow_name="other")).status_code == 200
        assert (await ask(client, "other")).text == (await ask(client, "flow")).text == "hello!"
        assert len(unpacked()) == 4


async def test_refusals_are_torchserves(store: Path) -> None:
    (store / "junk.war").write_text("no archive")
    war(store, "cycle", "  a: [b]\n  b: [a]\n")
    async with serving(store) as client:

        async def refusal(**query: str) -> tuple[int, str, str]:
            told = (await client.manage("POST", "/workflows", **query)).json()
            return told["code"], told["type"], told["message"]

        missing = "WorkflowNotFoundException"
        assert await refusal() == (400, "BadRequestException", "Parameter url is required.")
        assert await refusal(url="") == (404, missing, "Workflow not found at: ")
        assert await refusal(url="x.war") == (404, missing, "Workflow not found in workflow store: x.war")
        assert await refusal(url="../x.war") == (404, missing, "Relative path is not allowed in url: ../x.war")
        assert await refusal(url="junk.war") == (500, "InvalidWorkflowException", "Workflow name is not defined.")
        assert await refusal(url="cycle.war") == (400, "InvalidDAGException", "DAG should have only one start node")
        for method, path in (("PUT", "/workflows"), ("PUT", "/workflows/x"), ("POST", "/workflows/x")):
            assert (await client.manage(method, path)).status_code == 405
        assert (await client.http.get("/wfpredict")).status_code == 404
    assert unpacked() == set()


async def test_workflows_have_a_store_of_their_own(store: Path, archive: MakeArchive, tmp_path: Path) -> None:
    archive("shows", SHOWS)
    (tmp_path / "wars").mkdir()
    war(tmp_path / "wars", "flow", "  middle: []\n", {"middle": "shows.mar"})
    async with serving(store, workflow_store=tmp_path / "wars") as client:
        assert (await register(client, "flow.war")).status_code == 200
        assert (await ask(client, "flow")).json() == {"me": "flow__middle", "body": "hello"}


async def test_a_workflow_from_elsewhere_is_copied_into_the_store_until_it_goes(store: Path, tmp_path: Path) -> None:
    war(tmp_path, "flow", "  first: []\n")
    async with serving(store) as client:
        await register(client, f"file://{tmp_path}/flow.war")
        assert (store / "flow.war").exists()
        await client.manage("DELETE", "/workflows/flow")
    assert not (store / "flow.war").exists()


async def test_a_client_that_leaves_does_not_stop_a_registration(store: Path) -> None:
    war(store, "flow", "  first: []\n")
    async with serving(store) as client:
        leaving = asyncio.create_task(register(client, "flow.war"))
        while not unpacked():
            await asyncio.sleep(0.001)
        leaving.cancel()
        workflows = client.application.workflows
        while not workflows.page(0, 9)[0]:
            await asyncio.sleep(0.001)
        assert (await ask(client, "flow")).text == "hello!"
    assert unpacked() == set()


async def test_snapshots_leave_workflows_out(store: Path, archive: MakeArchive) -> None:
    archive("shows", SHOWS)
    war(store, "flow", "  first: [middle]\n", {"middle": "shows.mar"})
    logs = store.parent / "logs"
    async with serving(store, "shows.mar", snapshots=True, log_location=logs) as client:
        client.application.registry.start_recording()
        await register(client, "flow.war")
        await client.manage("DELETE", "/workflows/flow")
    assert sorted(path.name.split("-")[1] for path in (logs / "config").iterdir()) == ["shutdown.cfg", "startup.cfg"]
    assert "flow__" not in "".join(path.read_text() for path in (logs / "config").iterdir())
