"""The models whose traffic is restored at the next start."""

import json
from pathlib import Path

import httpx2
import pytest

from tests.conftest import MakeArchive
from tests.support.processes import Server

pytestmark = pytest.mark.slow
HANDLER = "def handle(data, context):\n    return ['{}'] * len(data or [])\n"


def make_archives(archive: MakeArchive) -> None:
    """Two versions of one model."""
    for version in ("1.0", "2.0"):
        archive("m", HANDLER.format(version), version=version, file=f"m-{version}.mar")


def test_a_kept_model_is_restored_only_where_it_is_served_and_its_archives_are_there(
    archive: MakeArchive, store: Path
) -> None:
    make_archives(archive)
    archive("other", HANDLER.format("other"))
    entry = {"marName": "m-1.0.mar", "defaultVersion": True, "traffic": {"rules": {"weights": {"1.0": 1}}}}
    kept = {"models": {"m": {"1.0": entry, "2.0": {"marName": "gone.mar"}}}}
    (store / ".marserve-traffic.json").write_text(json.dumps(kept))
    with Server.of(store, "other.mar", "m-1.0.mar") as server:
        server.until_listening()
        assert httpx2.get(f"{server.url}/models/m/traffic").json()["rules"] == {}
        assert httpx2.post(f"{server.url}/predictions/m", content="a").text == "1.0"
        assert "gone.mar is gone" in server.output
