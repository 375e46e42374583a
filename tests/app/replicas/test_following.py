"""A replica from its start on, with a store that comes and goes."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("obstore", reason="object storage needs the extra cloud")

from tests.conftest import MakeArchive
from tests.support.object_store import ObjectStoreServer, object_store
from tests.support.replicas import SERVES, registry_of, replicas
from tests.support.serving import Client

pytestmark = pytest.mark.anyio
STATE = "s3://bucket/state.json"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStoreServer]:
    monkeypatch.setattr("model_registry.object_storage.bucket.MAX_RETRIES", 0)
    with object_store(monkeypatch) as server:
        yield server


async def seen_replicas(client: Client) -> int:
    """The number of replicas that have left heartbeats."""
    try:
        return len(await registry_of(client).heartbeats())
    except OSError:  # the store is only just back
        return 0


async def test_a_store_that_is_away_costs_nothing_but_changes(
    s3: ObjectStoreServer, store: Path, archive: MakeArchive
) -> None:
    archive("m", SERVES.format("m"))
    archive("n", SERVES.format("n"))
    async with replicas(store, STATE, 2) as clients:
        registered = await clients[0].register("m.mar", wait="fleet")
        assert registered.status_code == 200, registered.text
        s3.is_down = True
        while not registry_of(clients[1]).state_error:
            await asyncio.sleep(0.01)
        assert (await clients[1].predict("m")).text == "m"
        health = await clients[1].http.get("/v2/health/live")
        assert health.status_code == 200
        refused = await clients[0].register("n.mar")
        assert (refused.status_code, "Nothing was changed" in refused.json()["message"]) == (503, True)
        assert (await clients[0].predict("n")).status_code == 404
        async with replicas(store, STATE, 1) as (late,):  # starts from the copy on this machine
            assert (await late.predict("m")).text == "m"
            s3.is_down = False
            while await seen_replicas(clients[0]) < 3:
                await asyncio.sleep(0.01)
            assert (await clients[0].register("n.mar", wait="fleet")).status_code == 200
            assert [(await client.predict("n")).text for client in (*clients, late)] == ["n"] * 3


async def test_following_costs_one_conditional_request_for_each_interval(
    s3: ObjectStoreServer, store: Path, archive: MakeArchive
) -> None:
    archive("m", SERVES.format("m"))
    async with replicas(store, STATE, 1) as (client,):
        await client.register("m.mar")
        seen = s3.count("GET", 304)
        while s3.count("GET", 304) < seen + 3:
            assert (await client.predict("m")).text == "m"
        documents = [each for each in s3.requests if each.method == "GET" and each.path.endswith("state.json")]
        assert sum(each.status == 200 for each in documents) <= 2
        state = (await client.http.get("/v2/health/ready")).json()["state"]
        assert (state["revision"], state.get("error")) == (registry_of(client).stored_revision, None)


async def test_metrics_show_age_lag_and_conflicts(s3: ObjectStoreServer, store: Path, archive: MakeArchive) -> None:
    archive("m", SERVES.format("m"))
    archive("n", SERVES.format("n"))
    async with replicas(store, STATE, 2, marserve_metrics="true") as clients:
        await clients[0].register("m.mar", wait="fleet")
        await asyncio.gather(clients[0].register("n.mar"), clients[1].manage("PUT", "/models/m", min_worker=2))
        lines = (await clients[1].http.get("/metrics")).text.splitlines()
        found = {line.split()[0]: float(line.split()[1]) for line in lines if line.startswith("marserve_state_")}
        assert found.keys() == {
            "marserve_state_age_seconds", "marserve_state_lag_revisions", "marserve_state_conflicts",
        }  # fmt: skip
        assert 0 <= found["marserve_state_age_seconds"] < 60
