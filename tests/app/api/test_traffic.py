"""Traffic over HTTP: rules, shadow and rollouts as management calls, and the answers that clients get."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeArchive
from tests.support.serving import Client, serving, until_loaded

pytestmark = pytest.mark.anyio
VERSION = """
    def handle(data, context):
        if not data:
            return
        if any(str(row["body"]) == "fail" for row in data) and "{0}" == "2.0":
            raise ValueError("2.0 fails")
        return ["{0}"] * len(data)
"""
TEXT = {"content-type": "text/plain"}


@asynccontextmanager
async def two_versions(store: Path, archive: MakeArchive) -> AsyncIterator[Client]:
    """A server with the versions 1.0 (the default) and 2.0 of the model `m`, each of which answers its number."""
    for version in ("1.0", "2.0"):
        archive("m", VERSION.format(version), version=version, file=f"m-{version}.mar")
    async with serving(store, one_port=True) as client:
        for version in ("1.0", "2.0"):
            assert (await client.register(f"m-{version}.mar")).status_code == 200
        yield client


async def put(client: Client, path: str, body: Any) -> Any:
    response = await client.http.put(path, json=body)
    assert response.status_code < 300, response.text
    return response.json()


async def served(client: Client, count: int = 1, body: str = "x", **headers: str) -> Counter[str]:
    """The versions that answered requests without a version."""
    found: Counter[str] = Counter()
    for _ in range(count):
        response = await client.http.post("/predictions/m", content=body, headers=TEXT | headers)
        found[response.text if response.status_code == 200 else str(response.status_code)] += 1
    return found


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.001)


async def test_weights_conditions_and_keys_choose_the_version(store: Path, archive: MakeArchive) -> None:
    async with two_versions(store, archive) as client:
        assert await served(client, 3) == {"1.0": 3}
        rules = {
            "weights": {"1.0": 50, "2.0": 50},
            "key": {"header": "x-user"},
            "conditions": [{"header": "x-tester", "version": "2.0"}],
        }
        told = await put(client, "/models/m/traffic", rules)
        assert told["rules"] == rules
        assert await served(client, 5, **{"x-tester": "yes"}) == {"2.0": 5}
        assert len(await served(client, 10, **{"x-user": "u1"})) == 1
        users = [await served(client, **{"x-user": f"u{user}"}) for user in range(40)]
        assert {"1.0", "2.0"} == {version for each in users for version in each}
        assert (await client.http.delete("/models/m/traffic")).status_code == 200
        assert await served(client, 5) == {"1.0": 5}


async def test_the_answer_names_the_version_only_where_a_rule_chose_it(store: Path, archive: MakeArchive) -> None:
    async with two_versions(store, archive) as client:
        plain = await client.http.post("/predictions/m", content="x", headers=TEXT)
        assert "x-marserve-version" not in plain.headers
        await put(client, "/models/m/traffic", {"weights": {"2.0": 1}})
        chosen = await client.http.post("/predictions/m", content="x", headers=TEXT)
        assert (chosen.text, chosen.headers["x-marserve-version"]) == ("2.0", "2.0")
        named = await client.http.post("/predictions/m/1.0", content="x", headers=TEXT)
        assert named.text == "1.0"
        assert "x-marserve-version" not in named.headers


async def test_every_front_asks_the_same_rules(store: Path, archive: MakeArchive) -> None:
    async with two_versions(store, archive) as client:
        await put(client, "/models/m/traffic", {"weights": {"2.0": 1}})
        for path in (
            "/v1/models/m:predict",
            "/v2/models/m/infer",
            "/m/predict",
            "/models/m/invoke",
            "/invocations?model_name=m",
        ):
            response = await client.http.post(path, content="x", headers=TEXT)
            assert (path, response.text) == (path, "2.0")


async def test_keys_are_found_in_bodies_of_tensors(store: Path, archive: MakeArchive) -> None:
    handler = "def handle(data, context):\n    return data and [{'y': row['x']} for row in data]\n"
    spec = "[{name: %s, datatype: INT32, shape: [-1, 1]}]"
    config = f"tensors: {{inputs: {spec % 'x'}, outputs: {spec % 'y'}}}\n"
    for version in ("1.0", "2.0"):
        archive("m", handler, version=version, file=f"m-{version}.mar", config=config)
    async with serving(store, one_port=True) as client:
        for version in ("1.0", "2.0"):
            assert (await client.register(f"m-{version}.mar")).status_code == 200
        await put(client, "/models/m/traffic", {"weights": {"1.0": 1, "2.0": 1}, "key": {"json": "parameters.user"}})

        async def version(user: int) -> str:
            tensor = {"name": "x", "datatype": "INT32", "shape": [1, 1], "data": [7]}
            request = {"parameters": {"user": user}, "inputs": [tensor]}
            return str((await client.http.post("/v2/models/m/infer", json=request)).json()["model_version"])

        first = [await version(user) for user in range(12)]
        assert set(first) == {"1.0", "2.0"}
        assert [await version(user) for user in range(12)] == first


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/models/m/traffic", {"weights": {"3.0": 1}}, 404),
        ("/models/m/traffic", {"weight": {}}, 400),
        ("/models/n/traffic", {"weights": {"1.0": 1}}, 404),
        ("/models/m/rollout", {"to": "1.0"}, 400),
        ("/models/m/rollout", {"to": "9.0"}, 404),
        ("/models/m/rollout/pause", None, 409),
    ],
)
async def test_what_cannot_be_is_refused_and_changes_nothing(
    store: Path, archive: MakeArchive, path: str, body: Any, status: int
) -> None:
    async with two_versions(store, archive) as client:
        response = await client.http.put(path, json=body)
        assert response.status_code == status, response.text
        assert response.json()["message"]
        assert await served(client, 3) == {"1.0": 3}


async def test_a_version_with_traffic_stays(store: Path, archive: MakeArchive) -> None:
    async with two_versions(store, archive) as client:
        await put(client, "/models/m/traffic", {"weights": {"1.0": 1, "2.0": 1}})
        refused = await client.http.delete("/models/m/2.0")
        assert refused.status_code == 409
        assert "still gets traffic" in refused.json()["message"]
        await client.http.delete("/models/m/traffic")
        assert (await client.http.delete("/models/m/2.0")).status_code == 200


async def test_a_shadow_is_compared(store: Path, archive: MakeArchive) -> None:
    async with two_versions(store, archive) as client:
        await put(client, "/models/m/traffic", {"shadow": {"version": "2.0", "share": 1}})
        assert await served(client, 5) == {"1.0": 5}
        mirror = client.application.registry.traffic("m").mirror
        assert mirror is not None
        await until(lambda: mirror.differed == 5)
        told = (await client.http.get("/models/m/traffic", params={"samples": "true"})).json()["shadow"]
        assert told["agreement"] == 0
        assert told["samples"][0]["old_body"] == "1.0"


async def test_a_good_version_gets_everything(store: Path, archive: MakeArchive) -> None:
    async with two_versions(store, archive) as client:
        plan = {"to": "2.0", "steps": [50, 100], "hold": 5}
        assert (await put(client, "/models/m/rollout", plan))["share"] == 0.5
        assert (await client.http.put("/models/m/rollout", json=plan)).status_code == 409
        assert (await client.http.delete("/models/m/2.0")).status_code == 409
        while (await client.http.get("/models/m/rollout")).json()["state"] == "stepping":
            await served(client, 10)
        assert (await client.http.get("/models/m/rollout")).json()["state"] == "completed"
        assert (await client.describe("m"))["modelVersion"] == "2.0"
        assert await served(client, 5) == {"2.0": 5}


async def test_a_bad_version_is_sent_back(store: Path, archive: MakeArchive) -> None:
    async with two_versions(store, archive) as client:
        await served(client, 20)
        await put(client, "/models/m/rollout", {"to": "2.0", "steps": [50, 100], "hold": 1000})
        failed: Counter[str] = Counter()
        await served(client, 300)
        while (await client.http.get("/models/m/rollout")).json()["state"] == "stepping":
            failed += await served(client, 10, body="fail")
        told = (await client.http.get("/models/m/rollout")).json()
        assert told["state"] == "rolled_back"
        assert "errors" in told["reason"]
        assert await served(client, 20) == {"1.0": 20}
        assert (await client.http.get("/models/m/2.0")).status_code == 200


async def test_a_rollout_is_paused_resumed_and_aborted(store: Path, archive: MakeArchive) -> None:
    async with two_versions(store, archive) as client:
        await put(client, "/models/m/rollout", {"to": "2.0", "steps": [50, 100], "hold": 1})
        assert (await put(client, "/models/m/rollout/pause", None))["state"] == "paused"
        refused = await client.http.put("/models/m/2.0/set-default")
        assert (refused.status_code, "abort it first" in refused.text) == (409, True)
        await served(client, 20)
        assert (await put(client, "/models/m/rollout/resume", None))["share"] == 0.5
        told = (await client.http.delete("/models/m/rollout")).json()
        assert (told["state"], told["share"]) == ("aborted", 0)
        assert await served(client, 10) == {"1.0": 10}


async def test_descriptions_know_the_routes_of_the_one_port(store: Path, archive: MakeArchive) -> None:
    async with two_versions(store, archive) as client:
        paths = (await client.http.get("/api-description")).json()["paths"]
        assert {"get", "put", "delete"} == set(paths["/models/{model_name}/traffic"])
        assert {"get", "put", "delete"} == set(paths["/models/{model_name}/rollout"])


async def test_errors_name_the_version_too_where_a_rule_chose_it(store: Path, archive: MakeArchive) -> None:
    failing = "def handle(data, context):\n    if data:\n        raise ValueError\n"
    archive("m", failing)
    archive("m", failing, version="2.0", file="next.mar")
    async with serving(store, "m.mar", "next.mar", one_port=True) as client:
        assert "x-marserve-version" not in (await client.predict("m", 1)).headers
        (await client.http.put("/models/m/traffic", json={"weights": {"2.0": 1}})).raise_for_status()
        for answer in (await client.predict("m", 1), await client.http.post("/v1/models/m:predict", json=1)):
            assert (answer.status_code, answer.headers["x-marserve-version"]) == (503, "2.0")
        assert "x-marserve-version" not in (await client.predict("m/2.0", 1)).headers
        await client.manage("PUT", "/models/m/2.0", min_worker=0, synchronous=True)
        refused = await client.predict("m", 1)
        assert (refused.status_code, refused.headers["x-marserve-version"]) == (503, "2.0")


async def test_shares_shadow_answers_and_rollouts_are_metrics(store: Path, archive: MakeArchive) -> None:
    for version in ("1.0", "2.0"):
        archive("m", VERSION.format(version), version=version, file=f"{version}.mar")
    async with serving(store, "1.0.mar", "2.0.mar", one_port=True, marserve_metrics=True) as client:
        await until_loaded(client.application)  # before that there is no shadow
        rules = {"weights": {"1.0": 3, "2.0": 1}, "shadow": {"version": "2.0"}}
        (await client.http.put("/models/m/traffic", json=rules)).raise_for_status()
        text = (await client.http.get("/metrics")).text
        assert 'marserve_traffic_share{model_name="m",model_version="2.0",} 0.25' in text
        (await client.http.put("/models/m/traffic", json={"shadow": {"version": "2.0"}})).raise_for_status()
        await client.predict("m", 1)
        while "marserve_shadow_answers_total{" not in text:
            text = (await client.http.get("/metrics")).text
        assert 'marserve_shadow_answers_total{model_name="m",model_version="2.0",result="differed",} 1.0' in text
        (await client.http.put("/models/m/rollout", json={"to": "2.0", "steps": [50, 100]})).raise_for_status()
        assert (
            'marserve_rollout_share{model_name="m",model_version="2.0",} 0.5'
            in (await client.http.get("/metrics")).text
        )
        await client.http.delete("/models/m/rollout")
        text = (await client.http.get("/metrics")).text
        assert 'marserve_rollouts_total{model_name="m",model_version="2.0",outcome="aborted",} 1.0' in text
        assert 'marserve_traffic_share{model_name="m",model_version="1.0",} 1.0' in text
