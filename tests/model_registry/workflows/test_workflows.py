"""The workflows of a server, from registration to the end of their nodes."""

import asyncio
import tempfile
from pathlib import Path

import pytest

from tests.conftest import MakeArchive
from tests.support.serving import serving
from tests.support.workflows import SHOWS, ask, register, unpacked, war

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))


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
