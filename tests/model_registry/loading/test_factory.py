"""Versions are made of archives, the configuration in force and the host's devices."""

from pathlib import Path
from typing import Any

import pytest

from handler.devices.cpu_budget import cpu_budget
from handler.devices.device import CPU, Device
from handler.metrics.server_metrics import Metrics
from model_registry.archive.store import ModelStore
from model_registry.errors import InvalidRuntime
from model_registry.loading.factory import ModelFactory
from model_registry.registration import Registration
from model_registry.server_defaults import ServerDefaults
from tests.conftest import MakeArchive

pytestmark = pytest.mark.anyio
ECHO = "def handle(data, context):\n    return data"


def factory(store: Path, *devices: Device, **defaults: Any) -> ModelFactory:
    return ModelFactory(ModelStore(store, ()), ServerDefaults(**defaults), devices or [CPU], Metrics(), print)


async def test_the_registration_the_archive_and_the_server_make_a_version(store: Path, archive: MakeArchive) -> None:
    archive("m", ECHO, config="batchSize: 3\nloopPacing: false\n")
    made = factory(store, models={"other": {"2.0": {"maxBatchDelay": "7"}}})
    registration = Registration("m.mar", "other", "handler.py:own", version_suffix="-1", initial_workers=2)
    opened, config = made.open(registration)
    version = made.make(opened, config)
    assert (version.name, version.version, version.archive.manifest.handler) == ("other", "1.0-1", "handler.py:own")
    assert (config.batch_size, config.max_batch_delay, config.min_workers, config.loop_pacing) == (3, 100, 2, False)
    spec = version.pool._new_spec(1)
    assert (spec.label, spec.index, spec.service.handler, spec.in_process) == (
        "W-9000-other_1.0-1",
        1,
        "handler.py:own",
        False,
    )
    assert version.pool._new_spec(0).label == "W-9001-other_1.0-1"
    version.use_processes()
    assert version.pool._new_spec(0).in_process
    await version.close(0)
    assert not opened.folder.exists()


async def test_workers_share_devices_and_cores(store: Path, archive: MakeArchive) -> None:
    archive("m", ECHO, config="minWorkers: 2\nmaxWorkers: 2\nthreadTuning: false\n")
    made = factory(store, Device("cuda", 0), Device("cuda", 1))
    version = made.make(*made.open(Registration("m.mar")))
    specs = [version.pool._new_spec(index) for index in range(3)]
    assert [spec.device.gpu_id for spec in specs] == [0, 1, 0]
    share = max(1, int(cpu_budget() / 2))
    assert {spec.cores for spec in specs} == {(share, share, share)}
    await version.close(0)


def test_an_archive_that_cannot_be_served_leaves_nothing(store: Path, archive: MakeArchive) -> None:
    archive("m", ECHO)
    made = factory(store)
    with pytest.raises(InvalidRuntime):
        made.open(Registration("m.mar", runtime="java"))
    assert not any(path.name == "handler.py" for path in made._store.folder.rglob("*"))  # type: ignore[attr-defined]
    assert (store / "m.mar").exists()
