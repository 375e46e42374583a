"""The registry of a server."""

from pathlib import Path

import pytest

from model_registry.registry import Registry
from model_registry.state.shared_registry import SharedRegistry
from tests.support.replicas import replicas
from tests.support.serving import serving

pytestmark = pytest.mark.anyio


async def test_only_a_named_state_makes_a_shared_one(store: Path, tmp_path: Path) -> None:
    async with serving(store) as client, replicas(store, tmp_path / "state.json", 1) as (replica,):
        assert type(client.application.registry) is Registry
        assert type(replica.application.registry) is SharedRegistry
