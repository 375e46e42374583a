"""/ping's answer while models come and go."""

import asyncio
from pathlib import Path

import pytest

from tests.conftest import MakeArchive
from tests.support.serving import serving

pytestmark = pytest.mark.anyio


async def test_a_model_whose_workers_have_not_been_asked_for_yet_makes_nobody_ill(
    store: Path, archive: MakeArchive
) -> None:
    archive("m", "def handle(data, context):\n    return ['served'] * len(data or [])\n")
    async with serving(store) as client:
        registering = asyncio.create_task(client.register("m.mar"))
        health = set()
        while not registering.done():
            health.add(client.application.registry.is_healthy)
            await asyncio.sleep(0)
        assert health == {True}
        assert (await client.describe("m"))["workers"]
