"""The registry: models come, are found, change, and go."""

import asyncio
import tempfile
import threading
from pathlib import Path

import pytest

from model_registry.errors import (
    Conflict,
    InvalidName,
    InvalidRuntime,
    InvalidVersionRemoval,
    ModelNotFound,
    RegistryError,
    TooManyWorkers,
    UnboundedConfig,
    WorkersFailed,
)
from model_registry.registration import Registration
from tests.conftest import MakeArchive
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

ECHO = "def handle(data, context):\n    return data\n"
FAILS = "raise RuntimeError('at import')\n"


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))


def unpacked(store: Path) -> int:
    """The number of unpacked archives."""
    return len(list((store.parent / "tmp" / "models").iterdir()))


async def test_a_version_is_found_by_name_and_number(store: Path, archive: MakeArchive) -> None:
    archive("m", ECHO)
    async with serving(store) as client:
        registry = client.application.registry
        version = await registry.register(Registration("m.mar", initial_workers=1))
        assert registry.resolve("m") is registry.resolve("m", "1.0") is await registry.find("m") is version
        assert list(registry.versions()) == [version]
        assert registry.get("n") is None
        with pytest.raises(ModelNotFound):
            registry.model("n")
        assert registry.is_healthy
        assert registry.is_ready
        assert repr(registry) == "<Registry m>"


async def test_a_name_and_version_are_registered_once(store: Path, archive: MakeArchive) -> None:
    archive("m", ECHO)
    async with serving(store, "m.mar") as client:
        with pytest.raises(Conflict):
            await client.application.registry.register(Registration("m.mar"))
        assert unpacked(store) == 1


async def test_what_cannot_load_is_unregistered_only_if_the_caller_waits(store: Path, archive: MakeArchive) -> None:
    archive("fails", FAILS)
    async with serving(store) as client:
        registry = client.application.registry
        with pytest.raises(WorkersFailed):
            await registry.register(Registration("fails.mar", initial_workers=1))
        assert registry.get("fails") is None
        assert unpacked(store) == 0
        await registry.register(Registration("fails.mar", initial_workers=1, wait=False))
        assert registry.get("fails") is not None


async def test_the_default_goes_last(store: Path, archive: MakeArchive) -> None:
    for number in ("1.0", "2.0"):
        archive("m", ECHO, version=number, file=f"m_{number}.mar")
    async with serving(store, "m_1.0.mar", "m_2.0.mar") as client:
        registry = client.application.registry
        with pytest.raises(InvalidVersionRemoval):
            await registry.unregister("m")
        await registry.unregister("m", "2.0")
        await registry.unregister("m")
        assert registry.get("m") is None
        assert unpacked(store) == 0


async def test_a_registration_goes_on_without_its_caller(store: Path, archive: MakeArchive) -> None:
    archive("slow", f"import threading\nthreading.Event().wait(0.2)\n{ECHO}")
    async with serving(store) as client:
        registry = client.application.registry
        caller = asyncio.create_task(registry.register(Registration("slow.mar", initial_workers=1)))
        while not any(version.pool.workers for version in registry.versions()):
            await asyncio.sleep(0.001)
        caller.cancel()
        assert (await client.predict("slow", {"a": 1})).status_code == 200


async def test_a_model_of_the_start_is_waited_for(store: Path, archive: MakeArchive) -> None:
    archive("m", ECHO)
    async with serving(store) as client:
        registry = client.application.registry
        registry.started.clear()
        finding = asyncio.create_task(registry.find("m"))
        version = await registry.register(Registration("m.mar", initial_workers=1))
        registry.mark_started()
        assert await finding is version


async def test_a_model_whose_traffic_is_restored_is_found_when_all_of_it_is_there(
    store: Path, archive: MakeArchive
) -> None:
    for number in ("1.0", "2.0"):
        archive("m", ECHO, version=number, file=f"m-{number}.mar")
    async with serving(store) as client:
        registry = client.application.registry
        registry.started.clear()
        state = {"defaultVersion": True, "traffic": {"rules": {"weights": {"2.0": 1}}}}
        await registry.register(Registration("m-1.0.mar", initial_workers=1, state=state))
        asking = asyncio.create_task(client.predict("m", "x"))
        finding = asyncio.create_task(registry.find_model("m"))
        second = await registry.register(Registration("m-2.0.mar", initial_workers=1, state={}))
        assert not finding.done()
        assert not asking.done()
        registry.mark_started()
        assert "2.0" in (await finding).versions
        assert (await asking).headers["x-marserve-version"] == second.version


@pytest.mark.parametrize(
    ("registration", "error"),
    [
        (Registration("m.mar", model_name="a" * 256), InvalidName),
        (Registration("many.mar"), TooManyWorkers),
        (Registration("deep.mar"), UnboundedConfig),
        (Registration("m.mar", runtime="cobol"), InvalidRuntime),
    ],
)
async def test_a_refused_registration_leaves_nothing(
    store: Path, archive: MakeArchive, registration: Registration, error: type[RegistryError]
) -> None:
    archive("m", ECHO)
    archive("many", ECHO, config="minWorkers: 10000\nmaxWorkers: 10000\n")
    archive("deep", ECHO, config="a: " + "[" * 50_000)
    async with serving(store) as client:
        registry = client.application.registry
        with pytest.raises(error):
            await registry.register(registration)
        assert list(registry.versions()) == []
        assert unpacked(store) == 0


async def test_a_conflict_leaves_the_metrics_of_what_is_there(store: Path, archive: MakeArchive) -> None:
    archive("m", ECHO)
    async with serving(store, "m.mar", marserve_metrics=True) as client:
        with pytest.raises(Conflict):
            await client.application.registry.register(Registration("m.mar"))
        assert 'marserve_workers_ready{model_name="m"' in (await client.http.get("/metrics")).text
        await client.application.registry.unregister("m")
        assert 'marserve_workers_ready{model_name="m"' not in (await client.http.get("/metrics")).text


async def test_a_version_whose_workers_cannot_start_is_taken_back(
    store: Path, archive: MakeArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive("m", ECHO)
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith("W-"):
            raise RuntimeError("can't start new thread")
        start(thread)

    async with serving(store) as client:
        registry = client.application.registry
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            with pytest.raises((RuntimeError, WorkersFailed)):
                await registry.register(Registration("m.mar", initial_workers=1))
        assert registry.get("m") is None
        assert unpacked(store) == 0
        await registry.register(Registration("m.mar", initial_workers=1))
        assert (await client.predict("m", {"a": 1})).status_code == 200
