"""The gRPC servers of the inference and management APIs, in the server's own event loop."""

import asyncio
import logging
from collections.abc import Sequence

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2

from app.errors import CannotListen
from app.grpc import health as grpc_health
from app.grpc.messages import POOL
from app.grpc.services import services
from app.grpc.triton.health import TritonHealth
from app.http.tls.identity import server_identity
from app.model_server import ModelServer
from app.settings.model import Settings
from model_registry.parsing.values import INT32_MAX

UNCOMPRESSED = "none"
KEEPALIVE_MS, KEEPALIVE_TIMEOUT_MS = 60_000, 20_000
"""A client that does not answer a ping for so long is gone, and its calls are cancelled."""
MIN_SIZES = {"kserve": 8 << 20}
"""Bytes that a message of an API may always have: KServe's own server takes so many."""
LOG = logging.getLogger("marserve.server")

for _module in (health_pb2, reflection_pb2):  # reflection describes only what is in its one pool
    POOL.AddSerializedFile(_module.DESCRIPTOR.serialized_pb)


class GrpcListener:
    """One address, with the services of one or more APIs, and the standard ones for health and reflection.

    Raises NoCertificate where calls are to be encrypted with one that cannot be read.
    """

    def __init__(self, apis: Sequence[str], server: ModelServer) -> None:
        settings = server.settings
        self._address = address(apis[0], settings)
        self._drain_seconds = settings.drain_timeout
        self._credentials = _credentials(settings) if settings.enable_grpc_ssl else None
        self._server = grpc.aio.server(
            options=_options(apis[0], settings),
            maximum_concurrent_rpcs=settings.max_grpc_calls,
            compression=_compression(settings),
        )
        ours = {name: handler for api in apis for name, handler in services(api, server).items()}
        self._server.add_generic_rpc_handlers(list(ours.values()))
        self._health = _health(server, list(ours))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection((*ours, grpc_health.SERVICE, reflection.SERVICE_NAME), self._server, POOL)
        self._stopping: asyncio.Task[None] | None = None
        self.port = 0
        """The port that is listened on; the system's choice where 0 was configured."""

    def __str__(self) -> str:
        return f"grpc://{self._address}"

    def __repr__(self) -> str:
        return f"<GrpcListener {self._address}>"

    async def open(self) -> None:
        """Bind and accept; raises CannotListen."""
        try:
            if self._credentials is None:
                self.port = self._server.add_insecure_port(self._address)
            else:
                self.port = self._server.add_secure_port(self._address, self._credentials)
        except RuntimeError as error:
            raise CannotListen(f"Cannot listen on {self}: {error}") from error
        await self._server.start()
        LOG.info("Listening on %s.", self)

    def close(self) -> None:
        """Accept no more calls."""
        if self._stopping is None:
            self._health.close()
            self._stopping = asyncio.ensure_future(self._server.stop(self._drain_seconds))

    async def drain(self, seconds: float) -> None:
        """Let the calls in progress be answered, for at most `seconds`; needs `close` before."""
        assert self._stopping is not None
        await asyncio.wait({self._stopping}, timeout=seconds)
        await self._server.stop(0)


def address(api: str, settings: Settings) -> str:
    """Host and port of an API."""
    host, port = getattr(settings, f"grpc_{api}_address"), getattr(settings, f"grpc_{api}_port")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _options(api: str, settings: Settings) -> list[tuple[str, int]]:
    """Limits of messages and connections. What a handler may answer is limited where it answers, for all protocols."""
    ages = {
        "grpc.max_connection_age_ms": getattr(settings, f"grpc_{api}_max_connection_age_ms", None),
        "grpc.max_connection_age_grace_ms": getattr(settings, f"grpc_{api}_max_connection_age_grace_ms", None),
    }
    return [
        ("grpc.max_receive_message_length", min(max(settings.max_request_size, MIN_SIZES.get(api, 0)), INT32_MAX)),
        ("grpc.max_send_message_length", -1),
        ("grpc.keepalive_time_ms", KEEPALIVE_MS),  # while calls are open, else nothing is sent
        ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
        ("grpc.server_handshake_timeout_ms", min(int(settings.tls_handshake_timeout * 1000), INT32_MAX)),
        ("grpc.so_reuseport", 0),  # else a second server would share the port in silence
        *((name, value) for name, value in ages.items() if value),
        *(settings.triton.grpc_channel if settings.triton is not None else ()),
    ]


def _compression(settings: Settings) -> grpc.Compression:
    wanted = settings.triton.grpc_compression if settings.triton is not None else UNCOMPRESSED
    return grpc.Compression.NoCompression if wanted == UNCOMPRESSED else grpc.Compression.Gzip


def _health(server: ModelServer, services: Sequence[str]) -> grpc_health.Health:
    triton = server.settings.triton
    if triton is not None and triton.is_alone:
        return TritonHealth(server)
    return grpc_health.Health(server.registry, services)


def _credentials(settings: Settings) -> grpc.ServerCredentials:
    identity = server_identity(settings)
    pairs, roots = [(identity.key, identity.chain)], settings.triton.grpc_root_certificate if settings.triton else None
    if roots is None:
        return grpc.ssl_server_credentials(pairs)
    return grpc.ssl_server_credentials(pairs, roots.read_bytes(), require_client_auth=True)
