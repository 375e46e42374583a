"""A server that is killed in the middle of a rollout under load goes on where it was; no answer is wrong or lost."""

import asyncio
import json
import signal
from collections import Counter
from pathlib import Path

import httpx2
import pytest

from tests.conftest import MakeArchive
from tests.support.processes import TIMEOUT_SECONDS, Server

pytestmark = pytest.mark.slow
HANDLER = "def handle(data, context):\n    return ['{}'] * len(data or [])\n"
REQUESTS = 300
USERS = 150


def make_archives(archive: MakeArchive) -> None:
    """Two versions of one model."""
    for version in ("1.0", "2.0"):
        archive("m", HANDLER.format(version), version=version, file=f"m-{version}.mar")


async def answers(url: str, count: int) -> list[tuple[str, str, str]]:
    """User, body and version header of that many predictions, 16 at once; each has to be answered."""
    async with httpx2.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
        gate = asyncio.Semaphore(16)

        async def predict(number: int) -> tuple[str, str, str]:
            user = f"user-{number % USERS}"
            async with gate:
                answer = await client.post(f"{url}/predictions/m", content="a", headers={"x-user": user})
            answer.raise_for_status()
            return user, answer.text, answer.headers["x-marserve-version"]

        return await asyncio.gather(*(predict(number) for number in range(count)))


def check_share(given: list[tuple[str, str, str]], share: float) -> None:
    """The new version's share of the users is within three standard errors, and each user sees one version only."""
    assert all(body == version for _, body, version in given)
    versions = {user: {body for each, body, _ in given if each == user} for user, _, _ in given}
    assert all(len(seen) == 1 for seen in versions.values())
    new = Counter(body for seen in versions.values() for body in seen)["2.0"] / len(versions)
    assert abs(new - share) <= 3 * (share * (1 - share) / len(versions)) ** 0.5


def test_a_killed_server_goes_on_with_its_rollout(archive: MakeArchive, store: Path) -> None:
    make_archives(archive)
    with Server.of(store, "m-1.0.mar") as server:
        server.until_listening()
        httpx2.post(f"{server.url}/models?url=m-2.0.mar&initial_workers=1", timeout=TIMEOUT_SECONDS).raise_for_status()
        rules = {"weights": {"1.0": 1}, "key": {"header": "x-user"}}
        httpx2.put(f"{server.url}/models/m/traffic", json=rules).raise_for_status()
        plan = {"to": "2.0", "steps": [30, 100], "hold": 100_000, "limits": {"p95Increase": 9}}
        httpx2.put(f"{server.url}/models/m/rollout", json=plan).raise_for_status()
        before = asyncio.run(answers(server.url, REQUESTS))
        check_share(before, 0.3)
        assert server.stop(signal.SIGKILL) == -signal.SIGKILL
    with Server.of(store, "m-1.0.mar") as server:
        server.until_listening()
        httpx2.get(f"{server.url}/models/m").raise_for_status()  # it waits for the start-up models
        rollout = httpx2.get(f"{server.url}/models/m/rollout").json()
        assert (rollout["state"], rollout["to"], rollout["share"]) == ("stepping", "2.0", 0.3)
        after = asyncio.run(answers(server.url, REQUESTS))
        check_share(after, 0.3)
        assert {(user, body) for user, body, _ in after} == {(user, body) for user, body, _ in before}
        httpx2.delete(f"{server.url}/models/m/rollout").raise_for_status()


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
