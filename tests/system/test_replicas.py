"""The short version of the campaign: a switch and a killed replica; tests/app/replicas lets the store go away."""

from pathlib import Path

import pytest

pytest.importorskip("obstore", reason="object storage needs the extra cloud")

from tests.system.replicas import campaign


def test_no_request_fails_while_versions_are_switched_and_a_replica_is_killed(tmp_path: Path) -> None:
    load = campaign(tmp_path, 1, 40, kills=1)
    assert (load.failures, load.stale) == ({}, 0)
    assert sum(load.answers.values()) > 10
