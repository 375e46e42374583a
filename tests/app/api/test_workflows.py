"""The workflow APIs: answers and refusals as TorchServe's."""

import tempfile
from pathlib import Path

import pytest

from app.api import workflows
from tests.conftest import MakeArchive
from tests.support.serving import serving
from tests.support.workflows import SHOWS, ask, register, unpacked, war

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))


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
        found = await client.describe("flow__middle")
        assert [found[key] for key in ("modelVersion", "minWorkers", "maxWorkers", "batchSize", "responseTimeout")] == [
            "3.1", 2, 2, 5, 33,
        ]  # fmt: skip
        found = await client.describe("flow__first")
        assert "modelUrl" not in found
        assert [found[key] for key in ("modelVersion", "minWorkers", "batchSize", "maxBatchDelay")] == ["1.0", 1, 1, 0]
        assert (await client.predict("flow__middle", 1)).json() == {"me": "flow__middle", "body": 1}


async def test_refusals_are_torchserves(store: Path) -> None:
    (store / "junk.war").write_text("no archive")
    war(store, "cycle", "  a: [b]\n  b: [a]\n")
    async with serving(store) as client:

        async def refusal(**query: str) -> tuple[int, str, str]:
            found = (await client.manage("POST", "/workflows", **query)).json()
            return found["code"], found["type"], found["message"]

        missing = "WorkflowNotFoundException"
        assert await refusal() == (400, "BadRequestException", "Parameter url is required.")
        assert await refusal(url="") == (404, missing, "Workflow not found at: ")
        assert await refusal(url="x.war") == (404, missing, "Workflow not found in workflow store: x.war")
        assert await refusal(url="../x.war") == (404, missing, "Relative path is not allowed in url: ../x.war")
        assert await refusal(url="junk.war") == (500, "InvalidWorkflowException", "Workflow name is not defined.")
        assert await refusal(url="cycle.war") == (400, "InvalidDAGException", "DAG should have only one start node")
        for method, path in (("PUT", "/workflows"), ("PUT", "/workflows/x"), ("POST", "/workflows/x")):
            assert (await client.manage(method, path)).status_code == 405
        for path, kind in (("x/1.0", missing), ("x/1.0/y", "ResourceNotFoundException")):
            assert (await client.http.get(f"/workflows/{path}")).json()["type"] == kind
        assert (await client.http.get("/wfpredict")).status_code == 404
    assert unpacked() == set()


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b"[1]", [1]),
        (b"{a: 'b'}", {"a": "b"}),
        (b"# text", "# text"),
        (b"{a", "{a"),
        (b"\xff", "\ufffd"),
    ],
)
def test_the_output_of_one_end_among_several_is_json_a_lenient_object_or_text(body: bytes, value: object) -> None:
    assert workflows._value(body) == value
