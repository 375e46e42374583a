"""The standard gRPC health service, for probes that carry no token."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from model_registry.registry import Registry

SERVICE = "grpc.health.v1.Health"
CHECK_INTERVAL_SECONDS = 1.0
"""Time between two checks of the state while a client watches it."""
Response = health_pb2.HealthCheckResponse


class Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc] # grpc has no types
    """Without a service, the health of /ping; for one, whether the start-up models are ready."""

    def __init__(self, registry: Registry, services: Sequence[str]) -> None:
        self._registry = registry
        self._services = services
        self._is_closed = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Health of {len(self._services)} services>"

    def close(self) -> None:
        """Answer every check from now on with NOT_SERVING."""
        self._is_closed.set()

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        """The state now; NOT_FOUND for an unknown service."""
        state = self._state(request.service)
        if state == Response.SERVICE_UNKNOWN:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"unknown service {request.service}")
        return Response(status=state)

    async def Watch(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        """The state now, and again when it has changed."""
        last = None
        while not self._is_closed.is_set():
            state = self._state(request.service)
            if state != last:
                yield Response(status=state)
            last = state
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_closed.wait(), CHECK_INTERVAL_SECONDS)
        yield Response(status=Response.NOT_SERVING)

    def _state(self, service: str) -> Any:
        if service and service not in self._services:
            return Response.SERVICE_UNKNOWN
        good = self._registry.is_ready if service else self._registry.is_healthy
        return Response.SERVING if good and not self._is_closed.is_set() else Response.NOT_SERVING
