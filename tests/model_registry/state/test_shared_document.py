"""The protocol of the document: two writers, a store that fails, answers that get lost; and no update is ever lost."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from model_registry.object_storage.bucket import Tag
from model_registry.object_storage.errors import ObjectChanged, ObjectNotFound, StorageError
from model_registry.state.document import Document, VersionState
from model_registry.state.document_store import FileDocumentStore, StoredHeartbeat, document_store
from model_registry.state.errors import StateConflict, StateUnavailable
from model_registry.state.shared_document import SharedDocument
from tests.support.object_store import object_store

ROUNDS = 200
NUMBERS = st.sampled_from(["1.0", "2.0", "3.0"])


class UnreliableStore:
    """A store in memory. `faults` are what happens to the next writes: "refused", "lost" (the answer), or nothing."""

    def __init__(self) -> None:
        self.content: bytes | None = None
        self.count = 0
        self.faults: list[str] = []
        self.is_away = False

    def read(self, known: Tag | None) -> tuple[bytes, Tag] | None:
        if self.is_away:
            raise StorageError("away")
        if self.content is None:
            raise ObjectNotFound("none")
        tag = Tag(str(self.count), None)
        return None if tag == known else (self.content, tag)

    def write(self, content: bytes, replaced: Tag | None) -> Tag:
        fault = self.faults.pop(0) if self.faults else ""
        if self.is_away or fault == "refused":
            raise StorageError("away")
        if replaced != (None if self.content is None else Tag(str(self.count), None)):
            raise ObjectChanged("changed")
        self.content, self.count = content, self.count + 1
        if fault == "lost":
            raise ObjectChanged("the attempt after an answer that got lost")
        return Tag(str(self.count), None)

    def heartbeats(self) -> list[StoredHeartbeat]:
        return []

    def write_heartbeat(self, replica: str, content: bytes) -> None:
        pass

    def delete_heartbeat(self, replica: str) -> None:
        pass


class Replicas(RuleBasedStateMachine):
    """Three replicas and one document; `acknowledged` is what their callers were promised."""

    @initialize()
    def start(self) -> None:
        self.store = UnreliableStore()
        self.replicas = [SharedDocument(self.store, pause=lambda _: None) for _ in range(3)]
        self.acknowledged: dict[str, VersionState] = {}
        self.revision = 0

    @rule(
        replica=st.integers(0, 2),
        number=NUMBERS,
        fault=st.sampled_from(["", "refused", "lost"]),
        url=st.text("ab", max_size=1),
    )
    def register(self, replica: int, number: str, fault: str, url: str) -> None:
        self.store.faults = [fault]
        state = VersionState(url)
        try:
            self.replicas[replica].change(lambda document: document.with_version("m", number, state))
        except StateConflict:
            assert self.acknowledged[number] != state
        except StateUnavailable:
            assert fault == "refused" or self.store.is_away
        else:
            self.acknowledged[number] = state

    @rule(replica=st.integers(0, 2), number=NUMBERS)
    def unregister(self, replica: int, number: str) -> None:
        try:
            self.replicas[replica].change(lambda document: document.without_version("m", number))
        except (StateConflict, StateUnavailable):
            return
        self.acknowledged.pop(number, None)

    @rule(away=st.booleans())
    def come_and_go(self, away: bool) -> None:
        self.store.is_away = away

    @invariant()
    def nothing_acknowledged_is_lost(self) -> None:
        document = Document.parse(self.store.content) if self.store.content else Document()
        model = document.models.get("m")
        assert dict(model.versions if model else {}) == self.acknowledged
        assert document.revision >= self.revision
        self.revision = document.revision


TestReplicas = Replicas.TestCase
TestReplicas.settings = settings(
    max_examples=40, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_two_writers_lose_nothing_in_200_rounds(tmp_path: Path) -> None:
    """Each writes 200 versions of its own and takes away every second, at once with the other."""
    writers = [SharedDocument(FileDocumentStore(tmp_path / "state.json")) for _ in range(2)]
    failures: list[Exception] = []

    def write(index: int) -> None:
        def version(number: int) -> Any:
            return lambda document: document.with_version(f"m{index}", str(number), VersionState(f"{number}.mar"))

        try:
            for number in range(ROUNDS):
                _persist(writers[index], version(number))
                if number % 2:
                    _persist(
                        writers[index],
                        lambda document, removed=number: document.without_version(f"m{index}", str(removed)),
                    )
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    document = writers[0].read()
    assert document is not None
    assert document.revision == 2 * (ROUNDS + ROUNDS // 2)
    for index in range(2):
        assert list(document.models[f"m{index}"].versions) == [str(number) for number in range(0, ROUNDS, 2)]


def test_five_writers_lose_nothing_on_an_object_store_that_refuses_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("obstore", reason="object storage needs the extra cloud")
    with object_store(monkeypatch) as s3:
        writers = [SharedDocument(document_store("s3://bucket/state.json", tmp_path)) for _ in range(5)]

        def write(index: int) -> None:
            for number in range(6):
                if not index:
                    s3.failures = 1
                version = VersionState(f"{number}.mar")
                _persist(
                    writers[index],
                    lambda document, number=number, version=version: document.with_version(
                        f"m{index}", str(number), version
                    ),
                )

        with ThreadPoolExecutor(len(writers)) as threads:
            list(threads.map(write, range(len(writers))))
        document = SharedDocument(document_store("s3://bucket/state.json", tmp_path)).read()
    assert document is not None
    assert {name: len(model.versions) for name, model in document.models.items()} == {
        f"m{index}": 6 for index in range(5)
    }


def test_a_writer_that_is_always_overtaken_gives_up() -> None:
    store = UnreliableStore()
    store.faults = ["lost"] * 100
    numbers = iter(range(1000))
    with pytest.raises(StateConflict, match="Try again"):
        SharedDocument(store, pause=lambda _: None).change(
            lambda document: document.with_version("m", str(next(numbers)), VersionState("a"))
        )


def _persist(document: SharedDocument, change: Any) -> None:
    while True:
        try:
            document.change(change)
        except StateConflict:
            continue
        return
