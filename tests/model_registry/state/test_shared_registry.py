"""Replicas that share their models: a call on any of them reaches all."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from model_registry.state.document import Document
from tests.conftest import MakeArchive
from tests.support.replicas import SERVES, converged, registry_of, replicas

pytestmark = pytest.mark.anyio


async def answers(clients: list, model: str = "m") -> list[str]:
    return [(await client.predict(model)).text for client in clients]


async def test_a_call_on_any_replica_reaches_all(store: Path, archive: MakeArchive, tmp_path: Path) -> None:
    for number in ("1.0", "2.0"):
        archive("m", SERVES.format(number), version=number, file=f"m-{number}.mar")
    async with replicas(store, tmp_path / "state.json", 3) as clients:
        assert (await clients[0].register("m-1.0.mar", wait="fleet")).status_code == 200
        assert await answers(clients) == ["1.0"] * 3
        assert (await clients[1].register("m-2.0.mar", wait="fleet")).status_code == 200
        assert await answers(clients) == ["1.0"] * 3
        assert (await clients[2].manage("PUT", "/models/m/2.0/set-default", wait="fleet")).status_code == 200
        assert await answers(clients) == ["2.0"] * 3
        await clients[0].manage("PUT", "/models/m/2.0", min_worker=2, synchronous="true", wait="fleet")
        assert [registry_of(client).resolve("m").config.min_workers for client in clients] == [2, 2, 2]
        assert (await clients[1].manage("DELETE", "/models/m/1.0", wait="fleet")).status_code == 200
        assert all(set(registry_of(client).model("m").versions) == {"2.0"} for client in clients)
        assert (await clients[1].manage("DELETE", "/models/m", wait="fleet")).status_code == 200
        assert [(await client.predict("m")).status_code for client in clients] == [404] * 3


async def test_a_replica_starts_from_the_state(store: Path, archive: MakeArchive, tmp_path: Path) -> None:
    archive("m", SERVES.format("m"))
    archive("other", SERVES.format("other"))
    state = tmp_path / "state.json"
    async with serving_with(store, "m.mar", state) as first:
        assert await answers([first]) == ["m"]
        async with serving_with(store, "other.mar", state) as second:
            assert await answers([first, second]) == ["m", "m"]
            assert (await second.predict("other")).status_code == 404
    assert Document.parse(state.read_bytes()).models["m"].versions["1.0"].url == "m.mar"
    assert [path.name for path in state.with_name("state.json.replicas").iterdir()] == []


def serving_with(store: Path, model: str, state: Path):  # type: ignore[no-untyped-def]
    from tests.support.serving import serving

    return serving(store, model, state=str(state), state_interval=0.02, model_cache=store.parent / "cache")


async def test_an_archive_that_does_not_load_changes_nothing(store: Path, archive: MakeArchive, tmp_path: Path) -> None:
    archive("m", SERVES.format("good"))
    archive("broken", "raise ValueError('no model')\n")
    state = tmp_path / "state.json"
    async with replicas(store, state, 2) as clients:
        await clients[0].register("m.mar", wait="fleet")
        assert (await clients[1].register("broken.mar")).status_code == 500
        before = state.read_bytes()
        document = Document.parse(before)
        broken = document.models["m"].versions["1.0"]
        for content in (
            b"{ no JSON",
            Document(
                document.revision + 1,
                {
                    **document.models,
                    "broken": document.models["m"].__class__("1.0", {"1.0": broken.__class__("broken.mar")}),
                },
            ).to_bytes(),
            replace(
                document.with_workers("m", "1.0", 2, 2).with_rules("m", "1.0", {"weights": {"9": 1}}),
                revision=document.revision + 1,
            ).to_bytes(),
        ):
            state.write_bytes(content)
            for client in clients:
                while not registry_of(client).state_error:
                    await asyncio.sleep(0.01)
            assert await answers(clients) == ["good", "good"]
            assert (await clients[0].http.get("/v2/health/ready")).json()["state"]["error"]
            state.write_bytes(before)
            for client in clients:
                while registry_of(client).state_error:
                    await asyncio.sleep(0.01)
        assert all(registry_of(client).get("broken") is None for client in clients)
        assert [registry_of(client).resolve("m").config.min_workers for client in clients] == [1, 1]


async def test_a_change_that_others_exclude_is_a_conflict(store: Path, archive: MakeArchive, tmp_path: Path) -> None:
    archive("m", SERVES.format("one"), file="one.mar")
    archive("m", SERVES.format("two"), file="two.mar")
    async with replicas(store, tmp_path / "state.json", 2, state_interval=1000) as clients:
        assert (await clients[0].register("one.mar")).status_code == 200
        refused = await clients[1].register("two.mar")
        assert (refused.status_code, refused.json()["type"]) == (409, "ConflictStatusException")
        assert (await clients[1].predict("m")).status_code == 404
        await registry_of(clients[1]).follow()
        assert await answers(clients) == ["one", "one"]


async def test_replicas_that_do_not_follow_are_named(
    store: Path, archive: MakeArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.api.management.endpoints.WAIT_SECONDS", 0.05)
    archive("m", SERVES.format("m"))
    async with replicas(store, tmp_path / "state.json", 2, state_interval=1000) as clients:
        await registry_of(clients[1]).beat()
        answer = await clients[0].register("m.mar", wait="fleet")
        assert answer.status_code == 504
        assert registry_of(clients[1]).replica in answer.json()["message"]


async def test_traffic_rules_reach_all(store: Path, archive: MakeArchive, tmp_path: Path) -> None:
    for number in ("1.0", "2.0"):
        archive("m", SERVES.format(number), version=number, file=f"m-{number}.mar")
    async with replicas(store, tmp_path / "state.json", 2) as clients:
        await clients[0].register("m-1.0.mar")
        await clients[0].register("m-2.0.mar", wait="fleet")
        changed = await clients[0].http.put("/models/m/traffic", json={"weights": {"2.0": 1}})
        assert changed.status_code == 200
        await registry_of(clients[1]).follow()
        await converged(clients)
        assert await answers(clients) == ["2.0", "2.0"]
        await clients[1].http.delete("/models/m/traffic")
        await registry_of(clients[0]).follow()
        await converged(clients)
        assert await answers(clients) == ["1.0", "1.0"]


@pytest.mark.parametrize("end", ["completed", "aborted"])
async def test_the_end_of_a_rollout_reaches_all(store: Path, archive: MakeArchive, tmp_path: Path, end: str) -> None:
    for number in ("1.0", "2.0"):
        archive("m", SERVES.format(number), version=number, file=f"m-{number}.mar")
    own_rules = {"weights": {"1.0": 1.0}, "experiment": "own"}
    async with replicas(store, tmp_path / "state.json", 2) as clients:
        await clients[0].register("m-1.0.mar")
        await clients[0].register("m-2.0.mar", wait="fleet")
        await clients[0].http.put("/models/m/traffic", json=own_rules)
        plan = {"to": "2.0", "steps": [50, 100], "hold": 1}
        assert (await clients[0].http.put("/models/m/rollout", json=plan)).status_code == 202
        rollout = registry_of(clients[0]).traffic("m").active_rollout()
        rollout.observe("2.0", 0.01, failed=False)
        assert rollout.share == 1.0
        if end == "aborted":
            await clients[0].http.delete("/models/m/rollout")
        else:
            rollout.observe("2.0", 0.01, failed=False)
        await registry_of(clients[0]).follow()
        await registry_of(clients[1]).follow()
        await converged(clients)
        models = [registry_of(client).model("m") for client in clients]
        assert [model.default for model in models] == (["2.0"] if end == "completed" else ["1.0"]) * 2
        seen = [model.traffic.rules.weights if model.traffic is not None else {} for model in models]
        assert seen == [{} if end == "completed" else own_rules["weights"]] * 2
        assert await answers(clients) == [models[0].default] * 2


async def test_a_rollout_that_went_back_while_the_store_was_away_stays_back(
    store: Path, archive: MakeArchive, tmp_path: Path
) -> None:
    for number in ("1.0", "2.0"):
        archive("m", SERVES.format(number), version=number, file=f"m-{number}.mar")
    state, kept = tmp_path / "state.json", tmp_path / "kept.json"
    async with replicas(store, state, 2, state_interval=1000) as clients:
        await clients[0].register("m-1.0.mar")
        await clients[0].register("m-2.0.mar")
        await clients[0].http.put("/models/m/rollout", json={"to": "2.0", "steps": [99, 100], "hold": 1000})
        for client in clients:
            await registry_of(client).follow()
        state.rename(kept)
        state.mkdir()
        assert (await clients[0].http.delete("/models/m/rollout")).json()["state"] == "aborted"
        await registry_of(clients[0]).follow()
        assert registry_of(clients[0]).state_error
        state.rmdir()
        kept.rename(state)
        for client in clients:
            await registry_of(client).follow()
        assert not registry_of(clients[0]).state_error
        assert [await answers(clients) for _ in range(5)] == [["1.0", "1.0"]] * 5
