"""A replica's own heartbeat: how often it is written, and what is deleted beside it."""

import os
import time
from pathlib import Path

from model_registry.state.document_store import FileDocumentStore
from model_registry.state.heartbeats import FORGOTTEN_AFTER_SECONDS
from model_registry.state.replica_heartbeats import ReplicaHeartbeats


def test_a_replica_is_seen_until_it_ends(tmp_path: Path) -> None:
    store = FileDocumentStore(tmp_path / "state.json")
    one, other = ReplicaHeartbeats(store), ReplicaHeartbeats(store)
    one.write(3, 1, "")
    other.write(2, 1, "away")
    found = {each.replica: (each.revision, each.error, each.is_alive) for each in one.read()}
    assert found == {one.replica: (3, "", True), other.replica: (2, "away", True)}
    other.delete()
    assert [each.replica for each in one.read()] == [one.replica]


def test_many_replicas_write_more_rarely_and_say_so(tmp_path: Path) -> None:
    store = FileDocumentStore(tmp_path / "state.json")
    for number in range(500):
        store.write_heartbeat(f"r{number}", b"")
    late = ReplicaHeartbeats(store)
    late.write(1, 1, "")
    assert late.interval == 50
    (own,) = [each for each in late.read() if each.replica == late.replica]
    assert own.interval == 50


def test_those_of_replicas_that_are_long_gone_are_deleted(tmp_path: Path) -> None:
    store = FileDocumentStore(tmp_path / "state.json")
    one = ReplicaHeartbeats(store)
    store.write_heartbeat("new", b"")
    store.write_heartbeat("gone", b"")
    os.utime(tmp_path / "state.json.replicas" / "gone", (0, time.time() - 2 * FORGOTTEN_AFTER_SECONDS))
    one.write(1, 1, "")
    assert sorted(store.heartbeat_times()) == sorted(["new", one.replica])
