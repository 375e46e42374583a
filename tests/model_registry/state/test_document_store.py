"""The two kinds of stores keep the same promises."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from model_registry.object_storage.errors import ObjectChanged, ObjectNotFound, StorageError
from model_registry.state.document_store import DocumentStore, FileDocumentStore, document_store
from tests.support.cloud_stores import cloud_store
from tests.support.object_store import object_store


@pytest.fixture(params=["file", "s3", "gs", "az"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DocumentStore]:
    if request.param == "file":
        yield document_store("state.json", tmp_path)
        return
    pytest.importorskip("obstore", reason="object storage needs the extra cloud")
    started = object_store(monkeypatch) if request.param == "s3" else cloud_store(monkeypatch, request.param)
    with started:
        yield document_store(f"{request.param}://bucket/marserve/state.json", tmp_path)


def test_only_the_state_that_was_read_is_replaced(store: DocumentStore) -> None:
    with pytest.raises(ObjectNotFound):
        store.read(None)
    first = store.write(b"1", None)
    with pytest.raises(ObjectChanged):
        store.write(b"x", None)
    second = store.write(b"2", first)
    with pytest.raises(ObjectChanged):
        store.write(b"x", first)
    assert store.read(first) == (b"2", second)
    assert store.read(second) is None


def test_heartbeats(store: DocumentStore) -> None:
    assert store.heartbeats() == []
    store.write(b"1", None)
    for content in (b"old", b"new"):
        store.write_heartbeat("a", content)
    store.write_heartbeat("b", b"other")
    assert sorted((each.replica, each.content) for each in store.heartbeats()) == [("a", b"new"), ("b", b"other")]
    store.delete_heartbeat("a")
    store.delete_heartbeat("none")
    assert [each.replica for each in store.heartbeats()] == ["b"]


def test_a_place_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = FileDocumentStore(tmp_path / "file" / "state.json")
    with pytest.raises(StorageError, match=r"state\.json"):
        store.write(b"1", None)
    with pytest.raises(StorageError):
        store.write_heartbeat("a", b"")


def test_a_heartbeat_that_has_not_changed_is_not_read_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("obstore", reason="object storage needs the extra cloud")
    with object_store(monkeypatch) as server:
        store = document_store("s3://bucket/state.json", tmp_path)
        for name in ("a", "b"):
            store.write_heartbeat(name, b"1")
        assert sorted(store.heartbeat_times()) == ["a", "b"]
        assert [each.content for each in store.heartbeats()] == [b"1", b"1"]
        store.write_heartbeat("b", b"2")
        asked = server.count("GET")
        assert [each.content for each in store.heartbeats()] == [b"1", b"2"]
        assert server.count("GET") == asked + 2  # the listing, and b
