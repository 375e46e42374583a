"""The description of a version, and what a handler's own metadata may be."""

from datetime import datetime
from pathlib import Path

import pytest

from app.api.management.description import describe_version, metadata_of
from tests.conftest import MakeArchive
from tests.support.serving import serving

pytestmark = pytest.mark.anyio


async def test_a_description_has_torchserves_members_in_their_order(store: Path, archive: MakeArchive) -> None:
    archive("m", "def handle(data, context):\n    return ['served'] * len(data or [])\n", config="batchSize: 3\n")
    async with serving(store, "m.mar") as client:
        await client.predict("m", 1)
        described = describe_version(client.application.registry.resolve("m"), at_startup=True)
        assert list(described)[:8] == [
            "modelName", "modelVersion", "modelUrl", "runtime", "minWorkers", "maxWorkers", "batchSize",
            "maxBatchDelay",
        ]  # fmt: skip
        assert (described["batchSize"], described["loadedAtStartup"], described["deviceType"]) == (3, True, "cpu")
        assert described["jobQueueStatus"] == {"remainingCapacity": 100, "pendingRequests": 0}
        (worker,) = described["workers"]
        assert (worker["id"], worker["status"], worker["gpu"], worker["gpuUsage"]) == ("9000", "READY", False, "N/A")
        assert datetime.fromisoformat(worker["startTime"]).tzinfo is not None


@pytest.mark.parametrize("has_extra", [True, False])
async def test_the_controllers_are_described_beside_marserves_metrics(
    store: Path, archive: MakeArchive, has_extra: bool
) -> None:
    archive("m", "def handle(data, context):\n    return ['served'] * len(data or [])\n", config="threads: 3\n")
    async with serving(store, "m.mar", marserve_metrics=has_extra) as client:
        for _ in range(20):
            await client.predict("m", 1)
        described = describe_version(client.application.registry.resolve("m"), at_startup=True)
        expected = {"threads": 3, "expectedRequests": 1, "gathering": False, "loopPacing": False, "processes": 0}
        assert described.get("batching") == (expected if has_extra else None)


@pytest.mark.parametrize(
    ("body", "metadata"),
    [
        (b"", None),
        (b'{"a": NaN}', {"a": "NaN"}),
        (b"[1]", {}),
        (b"text", {}),
        (b'{"a": 1}', {"a": 1}),
        (b"{'a': b}", {"a": "b"}),
    ],
)
def test_metadata_is_a_json_object_or_nothing(body: bytes, metadata: dict[str, object] | None) -> None:
    assert metadata_of(body) == metadata
