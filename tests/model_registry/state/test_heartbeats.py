"""Heartbeats, and who is alive by them."""

from model_registry.state.document_store import StoredHeartbeat
from model_registry.state.heartbeats import Heartbeat, heartbeat_interval, new_replica_name, parse_heartbeats


def test_ages_go_by_the_clock_of_the_store() -> None:
    beat = Heartbeat.of_this_process("a", 7, 2, "").to_bytes()
    found = parse_heartbeats([StoredHeartbeat("b", 100.0, beat), StoredHeartbeat("a", 20.0, beat)])
    assert [(each.replica, each.age, each.is_alive, each.revision) for each in found] == [
        ("a", 80.0, False, 7),
        ("b", 0.0, True, 7),
    ]


def test_what_cannot_be_read_is_passed_over() -> None:
    for content in (b"", b"[]", b"{}", b"null"):
        assert parse_heartbeats([StoredHeartbeat("a", 1.0, content)]) == []
    assert parse_heartbeats([]) == []


def test_names_differ() -> None:
    assert new_replica_name() != new_replica_name()


def test_one_that_writes_rarely_lives_longer() -> None:
    rare = Heartbeat.of_this_process("a", 7, 2, "", interval=60).to_bytes()
    newest = Heartbeat.of_this_process("b", 7, 2, "").to_bytes()
    found = parse_heartbeats([StoredHeartbeat("a", 20.0, rare), StoredHeartbeat("b", 100.0, newest)])
    assert [each.is_alive for each in found] == [True, True]


def test_heartbeats_of_all_are_bounded() -> None:
    assert [heartbeat_interval(count) for count in (1, 100, 101, 1000)] == [10, 10, 10.1, 100]
