"""Samples of a running server."""

from pathlib import Path

import pytest

from app.console.sampler import Sampler
from tests.conftest import MakeArchive
from tests.support.console_model import CONFIG, HANDLER
from tests.support.serving import serving

pytestmark = pytest.mark.anyio


async def test_a_sample_counts_what_came_since_the_last_one(store: Path, archive: MakeArchive) -> None:
    archive("upper", HANDLER, config=CONFIG)
    async with serving(store, "upper.mar") as client:
        await client.predict("upper", "before")
        sampler = Sampler(client.application)
        sampler.start()
        for _ in range(3):
            assert (await client.predict("upper", "hello")).status_code == 200
        [model] = (sample := sampler.sample())["models"]
        [version] = model["versions"]
        assert (model["name"], model["default"], model["rules"], version["drift"]) == ("upper", "1.0", None, None)
        assert round(version["requests"] * sample["seconds"]) == 3
        assert [worker["state"] for worker in version["workers"]] == ["ready", "ready"]
        assert (version["batchSize"], version["queue"]["waiting"], sample["hasMore"]) == (8, 0, False)
        assert sample["memory"]["resident"] > 0
        assert sampler.sample()["models"][0]["versions"][0]["requests"] == 0
        await client.manage("DELETE", "/models/upper")
        assert sampler.sample()["models"] == []
        assert repr(sampler) == "<Sampler of 0 versions>"
        sampler.stop()
        assert client.application.metrics.on_events is None
