"""The server process: one uvicorn server for each address, in one event loop, ending without losing a request."""

import asyncio
import logging
import select
import signal
import socket
from collections.abc import Iterable, Sequence
from functools import partial
from types import FrameType
from typing import Any

import anyio
import uvicorn
import uvloop
from anyio.abc import TaskStatus
from starlette.types import ASGIApp

from app.application import create_apps
from app.errors import CannotListen
from app.grpc.listeners import grpc_serving
from app.http.protocol import TorchServeProtocol
from app.http.sockets import bind, remove_socket_file
from app.http.tls.identity import server_context
from app.http.tls.plain_http_rejector import PlainHttpRejector
from app.initial_models.first_loads import first_loads
from app.lifespan import running
from app.model_server import ModelServer
from app.settings.model import Settings
from app.settings.types import ListenAddress
from app.shutdown import FINAL_SECONDS, handling_hangup

LOG = logging.getLogger("marserve.server")
BACKLOG = 2048


def serve(settings: Settings) -> int:
    """Serve until SIGTERM, SIGINT or SIGHUP; returns the exit status."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(settings))


async def _serve(settings: Settings) -> int:
    async with running(settings) as server:
        kserve = settings.kserve_address if settings.kserve_protocol else None
        servers = [Server(app, address, server) for address, app in create_apps(server).items()]
        late = [each for each in servers if each.address == kserve]
        prompt = [each for each in servers if each.address != kserve]
        try:
            for each in prompt:
                each.bind()
            async with grpc_serving(server):
                is_complete = await _serve_http(server, prompt, late)
        except CannotListen as error:
            LOG.error("%s", error)
            return 1
    server.deadline.exit_after(FINAL_SECONDS)
    return 0 if is_complete else 1


async def _serve_http(server: ModelServer, servers: Sequence["Server"], late: Sequence["Server"]) -> bool:
    """Serve on all addresses until a signal comes, then answer the accepted requests.

    Those that are `late` open when the models have been tried; false if they cannot.
    """
    with servers[0].capture_signals(), handling_hangup(servers[0].handle_exit):
        async with anyio.create_task_group() as tasks:
            for each in servers:
                await tasks.start(each.serve_bound)
            server.registry.start_recording()
            server.logs.write_console("Model server started.")
            if late and await _are_models_tried(server):
                return await _serve_late(server, late)
    return True


async def _serve_late(server: ModelServer, late: Sequence["Server"]) -> bool:
    """Serve KServe's ports, HTTP and gRPC, until the shutdown is requested; false, and the end, if they are taken."""
    try:
        for each in late:
            each.bind()
        async with grpc_serving(server, ("kserve",)), anyio.create_task_group() as tasks:
            for each in late:
                await tasks.start(each.serve_bound)
    except CannotListen as error:
        LOG.error("%s", error)
        server.request_shutdown()
        return False
    return True


async def _are_models_tried(server: ModelServer) -> bool:
    """Wait until each start-up model has loaded or failed; false if the shutdown is requested before."""

    async def try_models() -> None:
        await server.registry.started.wait()
        await first_loads(list(server.registry.versions()))

    trying = asyncio.ensure_future(try_models())
    ending = asyncio.ensure_future(server.shutdown_requested.wait())
    try:
        await asyncio.wait({trying, ending}, return_when=asyncio.FIRST_COMPLETED)
        return not ending.done()
    finally:
        trying.cancel()
        ending.cancel()


class Server(uvicorn.Server):
    """Serves one address of a model server.

    Unlike uvicorn's own it wakes up for connections alone, accepts those that wait at its socket before it closes that,
    and ends with status 0 after a signal.
    """

    def __init__(self, app: ASGIApp, address: ListenAddress, server: ModelServer) -> None:
        context = server_context(server.settings) if address.scheme == "https" else None
        protocol: Any = TorchServeProtocol
        if context is not None:
            protocol = partial(PlainHttpRejector, context, server.settings.tls_handshake_timeout, server.admission)
        super().__init__(
            uvicorn.Config(
                app, http=protocol, ws="none", lifespan="on", interface="asgi3", proxy_headers=False, log_config=None,
                log_level="warning", backlog=BACKLOG,
                timeout_keep_alive=server.settings.keepalive_timeout,  # type: ignore[arg-type] # any number does
            )
        )  # fmt: skip
        self.address = address
        self._server = server
        self._sockets: list[socket.socket] = []
        self._loop = asyncio.get_running_loop()

    def __repr__(self) -> str:
        return f"<Server {self.address}, {len(self.server_state.connections)} connections>"

    def bind(self) -> None:
        """Take the address; raises CannotListen."""
        self._sockets = bind(self.address, BACKLOG)

    @property
    def port(self) -> int:
        """The port that is listened on; the system's choice where 0 was configured."""
        return int(self._sockets[0].getsockname()[1])

    async def serve_bound(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Serve on the bound sockets until the shutdown is requested; ready when the task has started."""
        self._task_status = task_status
        await self._serve(self._sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections."""
        await super().startup(sockets)
        LOG.info("Listening on %s.", self.address)
        self._task_status.started()

    async def main_loop(self) -> None:
        """Wait for the shutdown, without uvicorn's ticks, which only change a header that is not sent."""
        await self._server.shutdown_requested.wait()
        await _accept_waiting(self._sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin the shutdown at the first signal; a second one ends the process at once."""
        if self.should_exit:
            signal.signal(sig, signal.SIG_DFL)
            signal.raise_signal(sig)
        self.should_exit = True
        self._loop.call_soon_threadsafe(self._server.request_shutdown)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer the accepted requests before the deadline, then cut the connections."""
        remaining = self._server.deadline.remaining()
        self.config.timeout_graceful_shutdown = remaining  # type: ignore[assignment] # any number does
        remove_socket_file(self.address)
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.abort()  # type: ignore[union-attr] # it is a TorchServeProtocol


async def _accept_waiting(sockets: Iterable[socket.socket]) -> None:
    """Accept the connections that were made before the signal: closing a socket resets those that still wait at it."""
    waiting = select.poll()
    for each in sockets:
        waiting.register(each, select.POLLIN)
    for _ in range(BACKLOG):
        if not waiting.poll(0):
            break
        await asyncio.sleep(0)
    await asyncio.sleep(0)  # for the last one that was accepted
