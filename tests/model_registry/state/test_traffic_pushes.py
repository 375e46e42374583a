"""Changes of models' traffic are stored in their order, and again where the store was away."""

import asyncio
from pathlib import Path

import pytest

from model_registry.state.document import Document, VersionState
from model_registry.state.document_store import FileDocumentStore
from model_registry.state.errors import StateUnavailable
from model_registry.state.shared_document import Change, SharedDocument
from model_registry.state.traffic_pushes import TrafficPushes

pytestmark = pytest.mark.anyio


class State:
    """A document in a file, with one model."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.document = SharedDocument(FileDocumentStore(path))
        self.document.change(lambda document: document.with_version("m", "1.0", VersionState("m.mar")))
        self.reports: list[str] = []
        self.pushes = TrafficPushes(self.store, self.reports.append)

    async def store(self, change: Change) -> None:
        await asyncio.to_thread(self.document.change, change)

    def go_away(self) -> None:
        self.path.rename(self.path.with_suffix(".kept"))
        self.path.mkdir()

    def come_back(self) -> None:
        self.path.rmdir()
        self.path.with_suffix(".kept").rename(self.path)

    @property
    def rules(self) -> object:
        return Document.parse(self.path.read_bytes()).models["m"].rules


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state.json")


async def test_the_last_of_many_changes_is_the_one_that_stays(state: State) -> None:
    for weight in range(1, 30):
        state.pushes.push("m", "1.0", {"weights": {"1.0": weight}})
    await state.pushes.wait("m")
    assert state.rules == {"weights": {"1.0": 29}}


async def test_a_change_that_nobody_waited_for_is_stored_when_the_store_is_back(state: State) -> None:
    state.go_away()
    state.pushes.push("m", "1.0", {"weights": {"1.0": 2}})
    with pytest.raises(StateUnavailable):
        await state.pushes.flush()
    assert "the traffic of model m is not shared" in state.reports[0]
    state.come_back()
    await state.pushes.flush()
    assert state.rules == {"weights": {"1.0": 2}}


async def test_a_change_whose_caller_got_the_error_is_given_up(state: State) -> None:
    state.go_away()
    state.pushes.push("m", "1.0", {"weights": {"1.0": 2}})
    with pytest.raises(StateUnavailable):
        await state.pushes.wait("m")
    state.come_back()
    await state.pushes.flush()
    assert state.rules == {}


async def test_a_change_of_a_version_that_others_have_unregistered_is_given_up(state: State) -> None:
    state.pushes.push("m", "9.0", {})
    await state.pushes.flush()
    await state.pushes.flush()
    assert len(state.reports) == 1
    assert state.rules == {}
