"""Drift over HTTP: watched on demand, against a profile of the archive or one of live requests."""

import json
import random
from pathlib import Path

import pytest

from model_registry.drift.profile import PROFILE_FILE, Profile
from tests.conftest import MakeArchive
from tests.support.serving import Client, serving

pytestmark = pytest.mark.anyio
HANDLER = """
    def handle(data, context):
        return [{"positive": 0.9, "negative": 0.1} if row["body"]["x"] > 0 else {"positive": 0.2, "negative": 0.8}
                for row in data or []]
"""
DRIFT = "/models/m/1.0/drift"


async def ask(client: Client, count: int, shift: float, seed: int = 0) -> None:
    rng = random.Random(seed)
    for _ in range(count):
        assert (await client.predict("m", {"x": rng.gauss(shift, 1)})).status_code == 200


def profile() -> str:
    rng = random.Random(7)
    return Profile.of([{"input.x": rng.gauss(0, 1)} for _ in range(500)]).to_json()


async def test_live_requests_become_a_profile_and_shifted_ones_raise_the_scores(
    store: Path, archive: MakeArchive
) -> None:
    archive("m", HANDLER)
    async with serving(store, "m.mar", one_port=True, marserve_metrics="true") as client:
        assert (await client.http.get(DRIFT)).status_code == 400
        told = (await client.http.put(DRIFT, json={"collect": True, "window": 100, "rate": 1000})).json()
        assert told["state"] == "collecting"
        while (await client.http.get(DRIFT)).json()["state"] == "collecting":
            await ask(client, 20, 0.0)
        downloaded = await client.http.get(f"{DRIFT}/profile")
        assert Profile.from_json(downloaded.content).samples == 100
        while (told := (await client.http.get(DRIFT)).json())["windows"] < 2:
            await ask(client, 20, 2.0, seed=told["samplesInWindow"])
        scores = {score["feature"]: score for score in told["features"]}
        assert scores["input.x"]["psi"] > 1
        assert scores["output.class"]["psi"] > 0.25
        metrics = (await client.http.get("/metrics")).text
        assert 'feature="input.x",statistic="ks"' in metrics
        assert (await client.http.delete(DRIFT)).status_code == 200
        assert "marserve_drift_score{" not in (await client.http.get("/metrics")).text


async def test_the_profile_of_the_archive_is_used(store: Path, archive: MakeArchive) -> None:
    archive("m", HANDLER, {PROFILE_FILE: profile()})
    async with serving(store, "m.mar", one_port=True) as client:
        assert (await client.http.put(DRIFT, json={"window": 50, "rate": 1000})).json()["state"] == "watching"
        while not (told := (await client.http.get(DRIFT)).json())["windows"]:
            await ask(client, 20, 0.0, seed=told["samplesInWindow"])
        assert told["features"][0]["feature"] == "input.x"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "marserve profile"),
        ({"window": 1, "collect": True}, "window must be"),
        ({"rate": "fast", "collect": True}, "rate must be"),
        ({"windows": 1}, "windows is unknown"),
    ],
)
async def test_mistakes_are_told(store: Path, archive: MakeArchive, options: dict[str, object], message: str) -> None:
    archive("m", HANDLER)
    async with serving(store, "m.mar", one_port=True) as client:
        response = await client.http.put(DRIFT, content=json.dumps(options))
        assert response.status_code == 400
        assert message in response.json()["message"]


async def test_a_profile_that_cannot_be_read_is_refused(store: Path, archive: MakeArchive) -> None:
    archive("m", HANDLER, {PROFILE_FILE: "{}"})
    async with serving(store, "m.mar", one_port=True) as client:
        response = await client.http.put(DRIFT, json={})
        assert response.status_code == 400
        assert "no profile" in response.json()["message"]
