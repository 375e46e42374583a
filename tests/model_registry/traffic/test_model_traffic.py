"""The traffic of one model: its rules and its rollout choose versions, and outlast a restart."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from handler.job import Input, Output, Part
from model_registry.errors import RolloutConflict, VersionNotLoaded
from model_registry.reply import VERSION_HEADER
from model_registry.traffic.model_traffic import ModelTraffic
from model_registry.traffic.rollout_plan import RolloutPlan
from model_registry.traffic.rules import TrafficRules
from tests.conftest import MakeArchive
from tests.support.serving import serving

pytestmark = pytest.mark.anyio
ECHO = "def handle(data, context):\n    return [row['body'] for row in data or []]\n"
RULES = TrafficRules(weights={"2.0": 1})


@pytest.fixture
async def traffic(store: Path, archive: MakeArchive) -> AsyncIterator[ModelTraffic]:
    """The traffic of a model whose default is 1.0 of two versions."""
    archive("one", ECHO)
    archive("two", ECHO, version="2.0")
    async with serving(store) as client:
        for url in ("one.mar", "two.mar"):
            assert (await client.register(url, model_name="m")).status_code == 200
        yield client.application.registry.traffic("m")


async def answer(traffic: ModelTraffic) -> tuple[bytes, dict[str, str]]:
    """The body, and the headers that name the version."""
    reply = traffic.submit(Input((Part("body", "", b"hello"),)), "id")
    outcome = await reply.future
    assert isinstance(outcome, Output)
    return bytes(outcome.body), dict(reply.headers)


async def test_rules_choose_the_version_and_name_it(traffic: ModelTraffic) -> None:
    assert await answer(traffic) == (b"hello", {})
    traffic.set_rules(RULES)
    assert await answer(traffic) == (b"hello", {VERSION_HEADER: "2.0"})
    assert (traffic.is_idle, traffic.versions_in_use) == (False, {"2.0"})
    traffic.clear_rules()
    assert await answer(traffic) == (b"hello", {})
    assert traffic.is_idle


async def test_a_rule_needs_a_loaded_version(traffic: ModelTraffic) -> None:
    with pytest.raises(VersionNotLoaded):
        traffic.set_rules(TrafficRules(weights={"3.0": 1}))
    assert traffic.is_idle


async def test_rules_stand_still_during_a_rollout_which_comes_back_with_the_state(traffic: ModelTraffic) -> None:
    with pytest.raises(RolloutConflict):
        traffic.last_rollout()
    rollout = traffic.start_rollout(RolloutPlan("1.0", "2.0", hold=3600))
    with pytest.raises(RolloutConflict, match=r"to version 2\.0 is in progress"):
        traffic.set_rules(RULES)
    state = traffic.to_json()
    rollout.abort()
    with pytest.raises(RolloutConflict):
        traffic.active_rollout()
    assert traffic.last_rollout() is rollout
    traffic.restore(state)
    assert traffic.active_rollout().plan == rollout.plan
    traffic.active_rollout().abort()


async def test_what_a_completed_rollout_leaves_can_be_read_after_a_restart(traffic: ModelTraffic) -> None:
    traffic.set_rules(TrafficRules(weights={"1.0": 1}, experiment="own"))
    rollout = traffic.start_rollout(RolloutPlan("1.0", "2.0", steps=(100,), hold=1))
    rollout.observe("2.0", 0.01, failed=False)
    assert (rollout.progress.state, traffic.default_version) == ("completed", "2.0")
    traffic.restore(traffic.to_json())
    assert traffic.is_idle
