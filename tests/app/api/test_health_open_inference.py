"""The server's side of the Open Inference Protocol: as TorchServe has it, and as probes want it."""

import asyncio
import os
from pathlib import Path

import pytest

from app.commands.options import torchserve_parser
from app.settings.loading import marserve_settings, torchserve_settings
from tests.conftest import MakeArchive
from tests.support.serving import Client, serving

pytestmark = pytest.mark.anyio
FINE = "def handle(data, context):\n    return data and ['fine'] * len(data)\n"
BROKEN = "raise ValueError('no model')\n"
HANGS_AT_LOAD = """
    import pathlib
    def handle(data, context):
        if data is None:
            pathlib.Path("{gate}").read_text()
        return data and ["fine"] * len(data)
"""


async def asked(client: Client, path: str) -> tuple[int, object]:
    answer = await client.http.get(path)
    return answer.status_code, answer.json()


async def test_without_the_setting_there_is_nothing(store: Path) -> None:
    async with serving(store) as client:
        for path in ("/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/m/versions/1/infer"):
            assert (await client.http.get(path)).status_code == 404


async def test_torchserve_is_always_ready(store: Path, archive: MakeArchive) -> None:
    archive("broken", BROKEN)
    async with serving(store, "broken.mar", ts_open_inference_protocol="true") as client:
        about = {"name": "Torchserve", "version": "0.12.0", "extenstion": ["kserve", "kubeflow"]}
        assert await asked(client, "/v2") == (200, about)
        assert await asked(client, "/v2/health/live") == (200, {"live": True})
        assert await asked(client, "/v2/health/ready") == (200, {"ready": True})
        unsupported = {"error": "Model versioning is not yet supported."}
        assert await asked(client, "/v2/models/broken/versions/1.0/infer") == (501, unsupported)
        assert (await client.http.get("/v2/models/broken/ready")).status_code == 404


async def test_a_server_with_honest_probes_is_ready_when_its_models_are(
    store: Path, archive: MakeArchive, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    archive("slow", HANGS_AT_LOAD.format(gate=gate))
    async with serving(store, "slow.mar", one_port=True) as client:
        assert await asked(client, "/v2/health/live") == (200, {"live": True})
        assert await asked(client, "/v2/health/ready") == (503, {"ready": False})
        await asyncio.to_thread(gate.write_text, "go")
        assert (await client.predict("slow")).status_code == 200
        assert await asked(client, "/v2/health/ready") == (200, {"ready": True})
        assert (await client.http.get("/v2")).status_code == 404


async def test_a_server_that_lacks_a_start_up_model_is_not_ready(store: Path) -> None:
    async with serving(store, "missing.mar", one_port=True) as client:
        assert await asked(client, "/v2/health/ready") == (503, {"ready": False})
        assert await asked(client, "/v2/health/live") == (200, {"live": True})


async def test_a_model_that_was_taken_away_is_not_waited_for(store: Path, archive: MakeArchive) -> None:
    archive("fine", FINE)
    async with serving(store, "fine.mar", one_port=True) as client:
        assert (await client.manage("DELETE", "/models/fine")).status_code == 200
        assert await asked(client, "/v2/health/ready") == (200, {"ready": True})


async def test_honest_probes_come_before_torchserves(store: Path) -> None:
    async with serving(store, "missing.mar", one_port=True, ts_open_inference_protocol="true") as client:
        assert await asked(client, "/v2/health/ready") == (503, {"ready": False})
        assert (await client.http.get("/v2")).status_code == 200


def test_one_port_servers_have_honest_probes_and_torchserve_has_not(tmp_path: Path) -> None:
    assert marserve_settings({}, tmp_path).one_port
    arguments = torchserve_parser().parse_args(["--model-store", str(tmp_path)])
    assert not torchserve_settings(arguments, {}, tmp_path).one_port


@pytest.mark.parametrize(("value", "wanted"), [("oip", True), ("true", True), ("false", False), ("", False)])
def test_the_variable_counts_without_being_enabled(tmp_path: Path, value: str, wanted: bool) -> None:
    arguments = torchserve_parser().parse_args(["--model-store", str(tmp_path)])
    settings = torchserve_settings(arguments, {"TS_OPEN_INFERENCE_PROTOCOL": value}, tmp_path)
    assert settings.ts_open_inference_protocol is wanted
