"""The gRPC servers: limits, TLS, health, reflection, and how they end."""

import asyncio
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor_database import DescriptorDatabase
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.empty_pb2 import Empty
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from app.grpc.listeners import grpc_listeners
from app.grpc.server import GrpcListener, address
from app.http.tls.identity import NoCertificate
from app.settings.model import Settings
from tests.conftest import MakeArchive
from tests.support.grpc_client import ASKED, GrpcClient, failure, grpc_serving
from tests.support.serving import serving

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def gate() -> Iterator[threading.Event]:
    """Lets the handler go on where it was asked to wait."""
    held = vars(threading)
    gate, held["test_served"] = held.setdefault("test_gate", threading.Event()), []
    gate.clear()
    yield gate
    gate.set()


async def test_a_message_beyond_the_limit_is_refused(store: Path, archive: MakeArchive) -> None:
    archive("asked", ASKED)
    async with grpc_serving(store, "asked.mar", max_request_size=1000) as client:
        assert await client.predict({"say": "x" * 900}) == b"x" * 900
        code, details = await failure(client.predict({"say": "x" * 1000}))
        assert (code, "larger than max" in details) == ("RESOURCE_EXHAUSTED", True)


async def test_an_answer_may_be_as_large_as_the_configuration_says(store: Path, archive: MakeArchive) -> None:
    archive("asked", ASKED)
    size = 5_000_000  # beyond what gRPC sends and takes by default
    async with grpc_serving(store, "asked.mar", max_request_size=2 * size) as client:
        assert len(await client.predict({"say": "x" * size})) == size


async def test_calls_beyond_the_limit_are_refused_and_later_ones_are_not(
    store: Path, archive: MakeArchive, gate: threading.Event
) -> None:
    archive("asked", ASKED)
    async with grpc_serving(store, "asked.mar", max_grpc_calls=1) as client:
        waiting = asyncio.ensure_future(client.predict({"wait": True, "say": "x"}))
        async with asyncio.timeout(30):
            while not vars(threading)["test_served"]:
                await asyncio.sleep(0.01)
        assert (await failure(client.predict({"say": "y"})))[0] == "RESOURCE_EXHAUSTED"
        gate.set()
        assert await waiting == b"x"
        assert await client.predict({"say": "z"}) == b"z"


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A private key and a certificate for localhost."""
    key, certificate = tmp_path / "tls.key", tmp_path / "tls.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    named = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*make, "-keyout", key, "-out", certificate, *named], check=True, capture_output=True)
    return key, certificate


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate with openssl")
async def test_with_a_certificate_calls_are_encrypted(store: Path, certificate: tuple[Path, Path]) -> None:
    trusting = grpc.ssl_channel_credentials(certificate[1].read_bytes())
    tls = {"enable_grpc_ssl": "true", "private_key_file": certificate[0], "certificate_file": certificate[1]}
    async with grpc_serving(store, credentials=trusting, **tls) as client:
        assert "Healthy" in (await client.inference.Ping(Empty())).health


async def test_encryption_needs_a_certificate_that_can_be_read(store: Path, tmp_path: Path) -> None:
    missing = {"private_key_file": tmp_path / "no.key", "certificate_file": tmp_path / "no.pem"}
    with pytest.raises(NoCertificate):
        async with grpc_serving(store, enable_grpc_ssl="true", **missing):
            pass


async def test_connections_end_at_their_age(store: Path) -> None:
    async with grpc_serving(store, grpc_inference_max_connection_age_ms=100) as client:
        await client.inference.Ping(Empty())
        assert client.channel.get_state() == grpc.ChannelConnectivity.READY
        await asyncio.wait_for(client.channel.wait_for_state_change(grpc.ChannelConnectivity.READY), 30)
        await client.inference.Ping(Empty())  # over a new connection


async def test_an_address_that_is_taken_is_an_error(store: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        async with serving(store, grpc_apis=("inference",), grpc_inference_port=port) as client:
            (listener,) = grpc_listeners(client.application)
            assert (str(listener), repr(listener)) == (f"grpc://127.0.0.1:{port}", f"<GrpcListener 127.0.0.1:{port}>")
            with pytest.raises(OSError, match="Failed to bind"):
                await listener.open()


async def test_limits_beyond_those_of_grpc_are_its_largest(store: Path) -> None:
    ages = dict.fromkeys(("max_connection_age_ms", "max_connection_age_grace_ms"), "2147483647")
    settings = {f"grpc_inference_{name}": value for name, value in ages.items()}
    async with grpc_serving(store, max_request_size="9999999999", max_response_size="9999999999", **settings) as client:
        assert (await client.inference.Ping(Empty())).health


def test_an_address_of_six_bytes_groups_is_written_in_brackets() -> None:
    settings = Settings(grpc_inference_address="::1", grpc_inference_port="7")
    assert (address("inference", settings), address("management", settings)) == ("[::1]:7", "127.0.0.1:7071")


async def test_calls_in_progress_are_answered_while_new_ones_are_refused(
    store: Path, archive: MakeArchive, gate: threading.Event
) -> None:
    archive("asked", ASKED)
    async with serving(store, "asked.mar", grpc_apis=("inference",), grpc_inference_port="0") as other:
        (listener,) = grpc_listeners(other.application)
        await listener.open()
        async with _channel(listener) as channel:
            client = GrpcClient(channel, other)
            accepted = asyncio.ensure_future(client.predict({"wait": True, "name": "accepted"}))
            while "accepted" not in vars(threading)["test_served"]:
                await asyncio.sleep(0.005)
            listener.close()
            draining = asyncio.ensure_future(listener.drain(30))
            refused, _ = await failure(client.inference.Ping(Empty(), timeout=10))
            assert refused in ("UNAVAILABLE", "CANCELLED")  # whether or not the client has heard of the end
            gate.set()
            assert await accepted == b"done"
            await asyncio.wait_for(draining, 10)


async def test_calls_that_do_not_end_in_time_are_cut_off(store: Path, archive: MakeArchive) -> None:
    archive("asked", ASKED)
    async with serving(store, "asked.mar", grpc_apis=("inference",), grpc_inference_port="0") as other:
        (listener,) = grpc_listeners(other.application)
        await listener.open()
        async with _channel(listener) as channel:
            client = GrpcClient(channel, other)
            hanging = asyncio.ensure_future(failure(client.predict({"wait": True, "name": "hanging"})))
            while "hanging" not in vars(threading)["test_served"]:
                await asyncio.sleep(0.005)
            listener.close()
            await asyncio.wait_for(listener.drain(0.05), 5)
            assert (await hanging)[0] in ("UNAVAILABLE", "CANCELLED")
        vars(threading)["test_gate"].set()


def _channel(listener: GrpcListener) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(f"127.0.0.1:{listener.port}", (("grpc.enable_http_proxy", 0),))


async def test_reflection_names_all_services_and_their_messages(store: Path) -> None:
    async with grpc_serving(store) as client:
        info = reflection_pb2_grpc.ServerReflectionStub(client.channel).ServerReflectionInfo
        requests = [reflection_pb2.ServerReflectionRequest(list_services="")]
        (listed,) = [answer async for answer in info(iter(requests))]
        names = [service.name for service in listed.list_services_response.service]
        assert {name.rpartition(".")[2] for name in names} == {
            "Health", "ServerReflection", "InferenceAPIsService", "ManagementAPIsService", "GRPCInferenceService",
        }  # fmt: skip
        asked = [reflection_pb2.ServerReflectionRequest(file_containing_symbol=name) for name in names]
        answers = [answer async for answer in info(iter(asked))]
    files = {text for answer in answers for text in answer.file_descriptor_response.file_descriptor_proto}
    database = DescriptorDatabase()
    for text in files:
        database.Add(FileDescriptorProto.FromString(text))
    pool = DescriptorPool(database)
    assert all(pool.FindServiceByName(name).methods for name in names)
