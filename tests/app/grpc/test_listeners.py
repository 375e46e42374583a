"""Whether gRPC is served: where it is wanted, and where it is installed."""

import socket
import subprocess
import sys
from pathlib import Path

import grpc.aio
import pytest
from google.protobuf.empty_pb2 import Empty

from app.application import create_app
from app.commands.options import torchserve_parser
from app.grpc.listeners import grpc_listeners, grpc_serving
from app.settings.loading import marserve_settings, torchserve_settings
from tests.support.free_ports import free_port
from tests.support.grpc_client import OPTIONS, stubs
from tests.support.serving import serving

pytestmark = pytest.mark.anyio


async def test_without_grpc_one_line_says_how_to_get_it(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "app.grpc.server", None)
    async with serving(store, grpc_apis=("inference", "management"), log_location=tmp_path) as client:
        assert grpc_listeners(client.application) == []
    (line,) = [line for line in (tmp_path / "ts_log.log").read_text().splitlines() if "gRPC" in line]
    assert "gRPC is off" in line
    assert "pip install 'marserve[grpc]'" in line


async def test_apis_with_addresses_of_their_own_have_servers_of_their_own(store: Path) -> None:
    ports = {"grpc_inference_port": str(free_port()), "grpc_management_port": str(free_port())}
    async with serving(store, grpc_apis=("inference", "management"), **ports) as client:
        listeners = grpc_listeners(client.application)
        assert [str(listener) for listener in listeners] == [f"grpc://127.0.0.1:{port}" for port in ports.values()]
        async with grpc_serving(client.application):
            pass  # opened, and put away again


async def test_an_address_that_is_taken_ends_the_server_that_was_opened_before(store: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = {"grpc_inference_port": str(free_port()), "grpc_management_port": str(taken.getsockname()[1])}
        async with serving(store, grpc_apis=("inference", "management"), **ports) as client:
            with pytest.raises(OSError, match="Failed to bind"):
                async with grpc_serving(client.application):
                    pass
    with socket.create_server(("127.0.0.1", int(ports["grpc_inference_port"]))):
        pass  # it is free again


def test_the_torchserve_command_serves_both_apis(tmp_path: Path) -> None:
    arguments = torchserve_parser().parse_args(["--model-store", str(tmp_path)])
    assert torchserve_settings(arguments, {}, tmp_path).grpc_apis == ("inference", "management")


@pytest.mark.parametrize(
    ("configured", "apis"),
    [
        ("", ()),
        ("grpc_inference_port=7070", ("inference",)),
        ("grpc_management_port=7071\ngrpc_inference_port=7070", ("inference", "management")),
    ],
)
def test_a_one_port_server_serves_the_apis_whose_ports_are_configured(
    tmp_path: Path, configured: str, apis: tuple[str, ...]
) -> None:
    (tmp_path / "config.properties").write_text(configured)
    assert marserve_settings({}, tmp_path).grpc_apis == apis
    assert marserve_settings({"TS_GRPC_INFERENCE_PORT": "0"}, tmp_path).grpc_apis[:1] == ("inference",)


async def test_an_asgi_application_serves_grpc_while_its_lifespan_lasts(tmp_path: Path) -> None:
    port = free_port()
    application = create_app(
        marserve_settings({"TS_GRPC_INFERENCE_PORT": str(port)}, tmp_path, disable_token_authorization="true")
    )
    async with (
        application.router.lifespan_context(application),
        grpc.aio.insecure_channel(f"127.0.0.1:{port}", OPTIONS) as channel,
    ):
        assert "Healthy" in (await stubs("inference")[1].InferenceAPIsServiceStub(channel).Ping(Empty())).health


def test_a_server_without_grpc_does_not_import_it(store: Path) -> None:
    program = f"""
import asyncio, sys
from pathlib import Path
from app.grpc.listeners import grpc_serving
from tests.support.serving import serving
async def main():
    async with serving(Path({str(store)!r})) as client, grpc_serving(client.application):
        print(sorted({{"grpc", "google.protobuf"}} & sys.modules.keys()))
asyncio.run(main())
"""
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
