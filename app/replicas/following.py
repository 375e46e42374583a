"""A replica from its start on: the first models, and then whatever the others change."""

import logging
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, cast

import anyio

from app.initial_models.startup import Explain, register_all
from app.settings.model import Settings
from handler.metrics.server_metrics import Metrics
from handler.server_random import RANDOM
from model_registry.errors import RegistryError
from model_registry.registration import Registration
from model_registry.registry import Registry

if TYPE_CHECKING:
    from model_registry.state.shared_registry import SharedRegistry

LOG = logging.getLogger("marserve.state")
JITTER = 0.1
"""Share of the interval by which replicas differ, so that they do not all ask at once."""


def shared_registry(registry: Registry, settings: Settings) -> "SharedRegistry | None":
    """The registry of a replica; None where nothing is shared."""
    return cast("SharedRegistry", registry) if settings.state is not None else None


async def start_replica(
    registry: "SharedRegistry", settings: Settings, models: Sequence[Registration], explain: Explain
) -> None:
    """Put the document in force, or make the first one of these models; the store is waited for while it is away."""
    is_first_attempt = True
    while True:
        try:
            if not await registry.has_document():
                await register_all(registry, models, explain)
            elif models:
                LOG.info("The models are those of %s; others that were named are not loaded.", settings.state)
            await registry.share()
        except RegistryError as error:
            if is_first_attempt:
                LOG.error("No shared state yet: %s", error)
            if is_first_attempt and await registry.share_copy():
                LOG.warning("Started with the local copy of revision %d.", registry.applied_revision)
                break
            is_first_attempt = False
            await anyio.sleep(settings.state_interval)
        else:
            await registry.beat()  # from now on, changes of others wait for this replica, too
            break
    registry.mark_started()


async def follow_state(own: Registry, settings: Settings) -> None:
    """Look at the document at intervals, and leave heartbeats. After a freeze the overdue timer comes first."""
    registry = shared_registry(own, settings)
    if registry is None:
        return
    await registry.started.wait()
    last_beat = -registry.heartbeat_interval
    while True:
        await anyio.sleep(settings.state_interval * RANDOM.uniform(1 - JITTER, 1 + JITTER))
        await registry.follow()
        if monotonic() - last_beat >= registry.heartbeat_interval and await registry.beat():
            last_beat = monotonic()


def watch_state(registry: "SharedRegistry", metrics: Metrics) -> None:
    """Show the replica's state among its metrics."""
    metrics.watch_state(
        lambda: registry.state_age,
        lambda: max(0, registry.stored_revision - registry.applied_revision),
        lambda: registry.conflict_count,
    )


def describe_state(own: Registry, settings: Settings) -> dict[str, object]:
    """The replica's state for probes; empty where nothing is shared."""
    registry = shared_registry(own, settings)
    if registry is None:
        return {}
    described = {
        "revision": registry.applied_revision, "storedRevision": registry.stored_revision,
        "ageSeconds": round(registry.state_age, 1), "replica": registry.replica, "error": registry.state_error or None,
    }  # fmt: skip
    return {"state": described}


async def wait_for_replicas(own: Registry, settings: Settings, wanted: str | None, seconds: float) -> None:
    """Wait until all replicas have a change, where a request wants that; raises ReplicasBehind, StateUnavailable."""
    registry = shared_registry(own, settings)
    if registry is not None and wanted == "fleet":
        await registry.wait_for_replicas(seconds)
