"""The standard gRPC health service."""

import asyncio
from pathlib import Path

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from app.grpc import health as grpc_health
from app.grpc.listeners import grpc_listeners
from tests.support.grpc_client import OPTIONS, failure, grpc_serving
from tests.support.serving import serving

pytestmark = pytest.mark.anyio
STATES = health_pb2.HealthCheckResponse


async def test_health_covers_the_process_and_each_service_without_a_token(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with grpc_serving(store, "missing.mar", authorization="all") as client:
        check = health_pb2_grpc.HealthStub(client.channel).Check

        async def state(service: str) -> str:
            return STATES.ServingStatus.Name((await check(health_pb2.HealthCheckRequest(service=service))).status)

        assert await state("") == "SERVING"
        assert await state("inference.GRPCInferenceService") == "NOT_SERVING"
        assert await failure(state("no.Service")) == ("NOT_FOUND", "unknown service no.Service")


async def test_a_watch_sees_changes_and_the_end(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc_health, "CHECK_INTERVAL_SECONDS", 0.01)
    async with serving(store, grpc_apis=("inference",), grpc_inference_port="0") as client:
        (listener,) = grpc_listeners(client.application)
        await listener.open()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{listener.port}", OPTIONS) as channel:
            request = health_pb2.HealthCheckRequest(service="inference.GRPCInferenceService")
            watch = health_pb2_grpc.HealthStub(channel).Watch(request)
            assert (await watch.read()).status == STATES.SERVING
            client.application.registry.startup_failed = True
            assert (await watch.read()).status == STATES.NOT_SERVING
            client.application.registry.startup_failed = False
            assert (await watch.read()).status == STATES.SERVING
            listener.close()
            await asyncio.wait_for(listener.drain(30), 10)
            assert (await watch.read()).status == STATES.NOT_SERVING
            assert await watch.read() is grpc.aio.EOF
