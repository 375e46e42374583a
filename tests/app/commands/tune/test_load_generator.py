"""A closed loop of clients on a model version, and the figures of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.commands.tune.load_generator import MAX_ERRORS, MIN_RESPONSES, LoadGenerator
from app.commands.tune.search_space import Measurement, Setting
from handler.job import Input, Part
from model_registry.registration import Registration
from model_registry.version import ModelVersion
from tests.conftest import MakeArchive
from tests.support.serving import serving

pytestmark = pytest.mark.anyio
SETTING = Setting(4, 1, None, 5)
REQUEST = Input((Part("body", "text/plain", b"hello"),))


@asynccontextmanager
async def version_of(path: Path) -> AsyncIterator[ModelVersion]:
    async with serving(path.parent) as client:
        registry = client.application.registry
        yield await registry.register(Registration(path.name, batch_size=4, max_batch_delay=5, initial_workers=1))


async def measure(path: Path, *, gives_up: bool = False) -> Measurement:
    async with version_of(path) as version:
        return await LoadGenerator(version, [REQUEST], 8).measure(SETTING, 0.03, lambda _: gives_up)


async def test_rates_latencies_and_batches_are_measured(archive: MakeArchive) -> None:
    found = await measure(archive("m", "import time\ndef handle(data, context):\n"
                                  "    time.sleep(0.001)\n    return data and ['x'] * len(data)\n"))  # fmt: skip
    assert found.ok
    assert found.rate > 0
    assert 1 <= found.p50 <= found.p95 <= found.p99
    assert 1 <= found.batch <= 4
    assert (found.setting, found.errors, found.given_up) == (SETTING, 0, False)


async def test_a_measurement_ends_after_many_errors(archive: MakeArchive) -> None:
    found = await measure(archive("m", "def handle(data, context):\n    if data: raise ValueError\n"))
    assert (found.ok, found.error) == (False, "Prediction failed")
    assert found.errors >= MAX_ERRORS


async def test_a_status_that_is_an_error_counts_as_one(archive: MakeArchive) -> None:
    source = "def handle(data, context):\n    if data:\n        for index in range(len(data)):\n"
    source += "            context.set_response_status(code=418, idx=index)\n        return ['teapot'] * len(data)\n"
    found = await measure(archive("m", source))
    assert found.error == "status 418: teapot"


async def test_a_measurement_is_given_up(archive: MakeArchive) -> None:
    source = "import time\ndef handle(data, context):\n    time.sleep(0.001)\n    return data and ['x'] * len(data)\n"
    found = await measure(archive("m", source), gives_up=True)
    assert found.given_up or found.rate * 0.03 >= MIN_RESPONSES
