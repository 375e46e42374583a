"""Waiting for the first loads of models."""

import asyncio
import os
from pathlib import Path

import pytest

from app.initial_models.first_loads import first_loads
from tests.conftest import MakeArchive
from tests.support.serving import serving

pytestmark = pytest.mark.anyio
SERVES = "def handle(data, context):\n    return data and ['served'] * len(data)\n"
WAITS = """
    import pathlib
    def handle(data, context):
        if data is None:
            pathlib.Path("{gate}").read_text()
        return data and ["fine"] * len(data)
"""


async def test_models_are_tried_when_they_serve_or_have_failed(
    store: Path, archive: MakeArchive, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    archive("slow", WAITS.format(gate=gate))
    archive("broken", "raise ValueError('no model')\n")
    archive("fine", SERVES)
    async with serving(store, "slow.mar", "broken.mar", "fine.mar") as client:
        registry = client.application.registry
        await client.register("fine.mar", model_name="idle", initial_workers=0)
        others = [registry.resolve(name) for name in ("broken", "fine", "idle")]
        await first_loads(others)
        assert others[0].pool.is_failing
        assert others[1].pool.ready_count == 1
        await first_loads(others)
        waiting = asyncio.ensure_future(first_loads([registry.resolve("slow")]))
        assert not (await asyncio.wait({waiting}, timeout=0))[0]
        await asyncio.to_thread(gate.write_text, "go")
        await waiting
        assert registry.resolve("slow").pool.ready_count == 1
