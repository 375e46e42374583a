"""SnapshotWriter: the registry's state as TorchServe writes it, and a registry that comes back from it."""

import asyncio
import json
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from app.settings import properties
from app.settings.last_snapshot import newest_snapshot
from app.settings.sources import PropertiesFile
from app.settings.types import parse_model_snapshot
from model_registry.registration import Registration
from model_registry.snapshot import SnapshotWriter, timestamp
from tests.conftest import MakeArchive
from tests.support.serving import Client, serving

pytestmark = pytest.mark.anyio

SAYS = "def handle(data, context):\n    return data and [context.manifest['model']['modelVersion'] for _ in data]\n"
OTHER = "def other(data, context):\n    return data and ['other' for _ in data]\n"
ENTRY = {
    "defaultVersion": True, "marName": "says.mar", "minWorkers": 1, "maxWorkers": 1, "batchSize": 1,
    "maxBatchDelay": 100, "responseTimeout": 120, "startupTimeout": 120, "runtimeType": "python",
}  # fmt: skip


def recording(store: Path, *models: str, **settings: Any) -> AbstractAsyncContextManager[Client]:
    """A server that writes snapshots once `record` is called, as it does when it listens."""
    return serving(store, *models, one_port=True, snapshots=True, log_location=store.parent / "logs", **settings)


def snapshots(store: Path, occasion: str = "snapshot") -> list[dict[str, Any]]:
    """The states of all snapshots of a kind, oldest first."""
    files = sorted((store.parent / "logs/config").glob(f"*-{occasion}.cfg"))
    return [json.loads(PropertiesFile(file.name, file.parent, {}).entries["model_snapshot"].text) for file in files]


def newest(store: Path) -> str:
    """The models of the newest snapshot."""
    name = newest_snapshot({}, store.parent)
    assert name is not None
    return PropertiesFile(name, store.parent, {}).entries["model_snapshot"].text


async def test_every_change_is_written(store: Path, archive: MakeArchive) -> None:
    archive("says", SAYS)
    archive("says", SAYS, version="2.0", file="says_2.mar")
    async with recording(store, "says.mar") as client:
        client.application.registry.start_recording()
        await client.register("says_2.mar", batch_size=3)
        await client.manage("PUT", "/models/says/2.0/set-default")
        await client.manage("PUT", "/models/says/1.0", min_worker=2, synchronous="true")
        await client.manage("DELETE", "/models/says/1.0")
    first = {"says": {"1.0": ENTRY}}
    second = {**ENTRY, "defaultVersion": False, "marName": "says_2.mar", "batchSize": 3}
    assert [each["models"] for each in snapshots(store, "startup")] == [first]
    registered, chosen, scaled, unregistered = snapshots(store)
    assert registered["models"] == {"says": {"1.0": ENTRY, "2.0": second}}
    assert [entry["defaultVersion"] for entry in chosen["models"]["says"].values()] == [False, True]
    assert scaled["models"]["says"]["1.0"]["minWorkers"] == scaled["models"]["says"]["1.0"]["maxWorkers"] == 2
    assert unregistered["models"] == {"says": {"2.0": {**second, "defaultVersion": True}}}
    assert (registered["modelCount"], unregistered["modelCount"]) == (2, 1)
    (last,) = snapshots(store, "shutdown")
    assert last["models"] == unregistered["models"]
    assert last["name"] == f"{timestamp(last['created'])}-shutdown.cfg"


async def test_what_changes_nothing_is_not_written(store: Path, archive: MakeArchive) -> None:
    archive("says", SAYS)
    async with recording(store, "says.mar") as client:
        client.application.registry.start_recording()
        assert (await client.register("missing.mar")).status_code == 404
        assert (await client.manage("DELETE", "/models/missing")).status_code == 404
        assert (await client.predict("says")).status_code == 200
    assert snapshots(store) == []


async def test_a_client_that_leaves_does_not_keep_its_change_from_being_written(
    store: Path, archive: MakeArchive
) -> None:
    archive("slow", f"import threading\nthreading.Event().wait(0.3)\n{SAYS}")
    async with recording(store) as client:
        registry = client.application.registry
        registry.start_recording()
        leaving = asyncio.create_task(client.register("slow.mar"))
        while registry.get("slow") is None:
            await asyncio.sleep(0.001)
        leaving.cancel()
        while not (written := snapshots(store)):
            await asyncio.sleep(0.01)
    assert [each["modelCount"] for each in written] == [1]


async def test_what_failed_to_load_is_in_no_snapshot(store: Path, archive: MakeArchive) -> None:
    archive("fails", "raise RuntimeError('at import')\n")
    async with recording(store) as client:
        client.application.registry.start_recording()
        assert (await client.register("fails.mar")).status_code == 500
    assert {each["modelCount"] for each in (*snapshots(store), *snapshots(store, "shutdown"))} == {0}


async def test_a_server_that_never_listened_leaves_no_snapshot(store: Path, archive: MakeArchive) -> None:
    """As a second one does, whose addresses are taken."""
    archive("says", SAYS)
    async with recording(store, "says.mar") as client:
        await client.register("says.mar", model_name="again")
    assert not (store.parent / "logs/config").exists()


async def test_the_first_snapshot_waits_for_the_models_of_the_start(store: Path, archive: MakeArchive) -> None:
    archive("says", SAYS)
    async with recording(store) as client:
        registry = client.application.registry
        registry.started.clear()
        registry.start_recording()
        await registry.register(Registration("says.mar"))
        assert snapshots(store, "startup") == snapshots(store) == []
        registry.mark_started()
        assert [each["modelCount"] for each in snapshots(store, "startup")] == [1]


async def test_a_restart_resumes_models_versions_default_and_numbers(store: Path, archive: MakeArchive) -> None:
    archive("says", SAYS)
    archive("says", SAYS, version="2.0", file="says_2.mar", config="minWorkers: 1\nmaxWorkers: 1\nbatchSize: 9\n")
    archive("idle", SAYS)
    async with recording(store, "says.mar") as client:
        client.application.registry.start_recording()
        await client.register("says_2.mar", batch_size=4, max_batch_delay=7, response_timeout=11)
        await client.register("idle.mar", initial_workers=0)
        await client.manage("PUT", "/models/says/2.0", min_worker=2, synchronous="true")
        await client.manage("PUT", "/models/says/2.0/set-default")
        before = await descriptions(client)
    async with serving(store, one_port=True, model_snapshot=newest(store)) as client:
        assert await descriptions(client) == before
        assert (await client.predict("says")).text == "2.0"
        assert (await client.predict("says/1.0")).text == "1.0"
        assert client.application.registry.only_startup_model is None  # as TorchServe does


async def descriptions(client: Client) -> list[Any]:
    told = ("modelName", "modelVersion", "modelUrl", "minWorkers", "batchSize", "maxBatchDelay", "responseTimeout")
    answers = [(await client.http.get(f"/models/{name}/all")).json() for name in ("says", "idle")]
    return [[version[key] for key in told] for versions in answers for version in versions]


async def test_the_handler_that_a_registration_named_is_kept(store: Path, archive: MakeArchive) -> None:
    archive("says", SAYS, {"elsewhere.py": OTHER})
    async with recording(store) as client:
        client.application.registry.start_recording()
        await client.register("says.mar", handler="elsewhere.py:other")
    (entry,) = snapshots(store, "shutdown")[0]["models"]["says"].values()
    assert entry["handler"] == "elsewhere.py:other"
    async with serving(store, one_port=True, model_snapshot=newest(store)) as client:
        assert (await client.predict("says")).text == "other"


async def test_a_folder_outside_of_the_store_is_found_again(store: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "MAR-INF").mkdir(parents=True)
    model = {"modelName": "out", "modelVersion": "1.0", "handler": "handler.py"}
    (outside / "MAR-INF/MANIFEST.json").write_text(json.dumps({"runtime": "python", "model": model}))
    (outside / "handler.py").write_text(SAYS)
    async with recording(store) as client:
        client.application.registry.start_recording()
        await client.register(str(outside))
    async with serving(store, one_port=True, model_snapshot=newest(store)) as client:
        assert (await client.predict("out")).text == "1.0"


async def test_the_configuration_in_force_goes_with_it(store: Path) -> None:
    given = {"inference_address": "http://127.0.0.1:8080", "nobody_knows": "übrig", "keystore_pass": "secret"}
    async with recording(store, given=given, config_file="config.properties") as client:
        client.application.registry.start_recording()
    (file,) = (store.parent / "logs/config").glob("*-startup.cfg")
    found = {entry.key: entry.value for entry in properties.parse(file.read_text("ascii"))}
    assert given.items() <= found.items()
    assert found["model_store"] == found["workflow_store"] == str(store)
    assert (found["version"], found["tsConfigFile"]) == ("0.12.0", "config.properties")
    assert "inference_address=http\\://127.0.0.1\\:8080\n" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600  # it may hold a password


async def test_a_folder_that_cannot_be_written_keeps_nobody_from_serving(store: Path, archive: MakeArchive) -> None:
    archive("says", SAYS)
    (store.parent / "logs").mkdir()
    (store.parent / "logs/config").write_text("no folder")
    async with recording(store, "says.mar") as client:
        client.application.registry.start_recording()
        assert (await client.register("says.mar", model_name="again")).status_code == 200


async def test_without_the_wish_nothing_is_written(store: Path, archive: MakeArchive) -> None:
    archive("says", SAYS)
    async with serving(store, "says.mar", log_location=store.parent / "logs") as client:
        client.application.registry.start_recording()
        await client.register("says.mar", model_name="again")
    assert not (store.parent / "logs/config").exists()


def test_snapshots_of_one_moment_are_told_apart_and_sort_as_they_came(tmp_path: Path) -> None:
    writer = SnapshotWriter(tmp_path, lambda models: f"model_snapshot={models}")
    for occasion in ("startup", "snapshot", "snapshot", "shutdown"):
        writer.save(occasion, [])  # type: ignore[arg-type]
    names = sorted(path.name for path in tmp_path.iterdir())
    assert [name.split("-")[1] for name in names] == ["startup.cfg", "snapshot.cfg", "snapshot.cfg", "shutdown.cfg"]


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    (tmp_path / "other.cfg").touch()
    writer = SnapshotWriter(tmp_path, lambda models: "", kept=3)
    for _ in range(3):
        writer.save("snapshot", [])
    before = {path.name for path in tmp_path.iterdir()}
    writer.save("shutdown", [])
    after = {path.name for path in tmp_path.iterdir()}
    assert len(before - after) == len(after - before) == 1
    assert after - before > set()
    assert min(before - {"other.cfg"}) not in after


def test_a_snapshot_of_torchserve_is_read() -> None:
    """With its escapes, as one was written by TorchServe 0.12."""
    text = (
        'model_snapshot={\\n  "name"\\: "20261121051116525-shutdown.cfg",\\n  "modelCount"\\: 1,\\n  "created"\\: '
        '1795237876525,\\n  "models"\\: {\\n    "ver"\\: {\\n      "1.0"\\: {\\n        "defaultVersion"\\: false,\\n'
        '        "marName"\\: "ver_1.mar",\\n        "minWorkers"\\: 2\\n      }\\n    }\\n  }\\n}\n'
    )
    (entry,) = properties.parse(text)
    assert parse_model_snapshot(entry.value)["models"] == {
        "ver": {"1.0": {"defaultVersion": False, "marName": "ver_1.mar", "minWorkers": 2}}
    }
