"""The short version of the campaign: two switches, and a replica that is killed."""

from pathlib import Path

from tests.system.replicas import switch_versions


def test_no_request_fails_while_versions_are_switched(tmp_path: Path) -> None:
    load = switch_versions(tmp_path, 2, 40, kills=True)
    assert load.failures == {}
    assert sum(load.answers.values()) > 20
