"""The page on scale is what its script writes, and the requests that it counts are those that replicas make."""

import asyncio
from pathlib import Path

import pytest

from tests.benchmarks.scale.page import CHART, chart, page
from tests.conftest import MakeArchive
from tests.support.dockerfile import ROOT
from tests.support.object_store import object_store
from tests.support.replicas import SERVES, registry_of, replicas


def test_the_page_is_what_its_script_writes() -> None:
    assert (ROOT / "docs" / "scale.md").read_text(encoding="utf-8") == page(), "run python -m tests.benchmarks.scale"
    assert (ROOT / "docs" / CHART).read_text(encoding="utf-8") == chart()


@pytest.mark.anyio
async def test_requests_are_those_that_are_counted(
    store: Path, archive: MakeArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("obstore", reason="object storage needs the extra cloud")
    archive("m", SERVES.format("m"))
    with object_store(monkeypatch) as server:
        async with replicas(store, "s3://bucket/state.json", 2, state_interval="3600") as clients:
            one, other = (registry_of(client) for client in clients)
            server.requests.clear()
            await asyncio.gather(one.follow(), other.follow())
            assert [(each.method, each.status) for each in server.requests] == [("GET", 304)] * 2
            server.requests.clear()
            await other.beat()
            assert [(each.method, each.status) for each in server.requests] == [("PUT", 200)]
            server.requests.clear()
            await clients[0].register("m.mar")  # the writer reads, and replaces
            await other.follow()  # a follower reads, and says so
            assert [(each.method, each.status) for each in server.requests] == [
                ("GET", 304), ("PUT", 200), ("GET", 200), ("PUT", 200),
            ]  # fmt: skip
