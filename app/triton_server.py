"""The process of `tritonserver`: models are loaded before its ports open, and nothing but Triton's APIs is there."""

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import anyio
import uvloop
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from app.api.triton.fast_path import TritonFastPath
from app.api.triton.metrics import metrics_routes
from app.api.triton.routes import health_routes, routes
from app.errors import CannotListen
from app.grpc.listeners import grpc_serving
from app.http.fast_path import FAST_PATH, FastPath
from app.http.responses import TorchServeResponse
from app.lifespan import running
from app.model_server import ModelServer
from app.open_inference.errors import raw_message
from app.server import Server
from app.settings.model import Settings
from app.shutdown import FINAL_SECONDS, SIGNALS
from model_registry.triton.repository_models import RepositoryModels

LOG = logging.getLogger("marserve.server")


class NotLoaded(Exception):
    """A model that the server was to start with does not serve."""

    def __init__(self) -> None:
        super().__init__("creating server: Internal - failed to load all models")


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit status."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(settings))


async def _serve(settings: Settings) -> int:
    async with running(settings) as server:
        try:
            await load_models(server)
            with _signals(server):
                async with listening(server):
                    _print(*started_lines(server))
                    await server.shutdown_requested.wait()
        except (CannotListen, NotLoaded) as error:
            _print(f"error: {error}")
            return 1
    server.deadline.exit_after(FINAL_SECONDS)
    return 0


async def load_models(server: ModelServer) -> None:
    """Load the models of the start; raises NotLoaded where all of them are needed."""
    assert server.repositories is not None
    assert server.settings.triton is not None
    is_complete = await server.repositories.start()
    _print(*status_table(server.repositories))
    if not is_complete and server.settings.triton.exit_on_error:
        raise NotLoaded


@asynccontextmanager
async def listening(server: ModelServer) -> AsyncIterator[None]:
    """Listen on all ports until the block ends, then answer the accepted requests; raises CannotListen."""
    servers = http_servers(server)
    for each in servers:
        each.bind()
    async with grpc_serving(server), anyio.create_task_group() as tasks:
        for each in servers:
            await tasks.start(each.serve_bound)
        yield
        server.shutdown_requested.set()


def http_servers(server: ModelServer) -> list[Server]:
    """The servers of the HTTP API and of the metrics, where they are wanted."""
    settings, triton = server.settings, server.settings.triton
    assert triton is not None
    servers = []
    if triton.allow_http:
        servers.append(Server(create_app(server), settings.inference_address, server))
    if triton.allow_metrics:
        servers.append(Server(create_metrics_app(server), settings.metrics_address, server))
    return servers


def create_app(server: ModelServer) -> Starlette:
    """The application of the HTTP API."""
    return _app(server, [*health_routes, *routes], lambda app: TritonFastPath(app, server))


def create_metrics_app(server: ModelServer) -> Starlette:
    """The application of the metrics' port."""
    return _app(server, metrics_routes, lambda app: TritonFastPath(app, server, answers=False))


def _app(server: ModelServer, its_routes: Sequence[BaseRoute], fast_path: Callable[[Starlette], FastPath]) -> Starlette:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
        yield {FAST_PATH: fast_path(app)}

    app = Starlette(
        routes=its_routes, exception_handlers={HTTPException: _on_http_exception, Exception: _on_defect},
        lifespan=lifespan,
    )  # fmt: skip
    app.router.redirect_slashes = False
    app.state.model_server = server
    return app


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return TorchServeResponse(raw_message(error.detail, error.status_code, is_json=False))


async def _on_defect(request: Request, error: Exception) -> Response:
    return TorchServeResponse(raw_message(f"{type(error).__name__}: {error}", 500))


@contextmanager
def _signals(server: ModelServer) -> Iterator[None]:
    """While the block runs, have the first signal begin the shutdown; a second one ends the process at once."""
    loop = asyncio.get_running_loop()

    def stop(number: int) -> None:
        if server.shutdown_requested.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        server.request_shutdown()

    for number in SIGNALS:
        loop.add_signal_handler(number, stop, number)
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


def status_table(repositories: RepositoryModels) -> list[str]:
    """The models that were loaded, in the form of Triton's table."""
    rows = [("Model", "Version", "Status")]
    rows += [
        (entry.name, entry.version, f"{entry.state}: {entry.reason.strip()}" if entry.reason else entry.state)
        for entry in repositories.index()
        if entry.state
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    line = f"+{'+'.join('-' * (width + 2) for width in widths)}+"
    texts = [
        f"| {' | '.join(cell.replace(chr(10), ' ').ljust(width) for cell, width in zip(row, widths, strict=True))} |"
        for row in rows
    ]
    return [line, texts[0], line, *texts[1:], line]


def started_lines(server: ModelServer) -> Iterator[str]:
    """The lines that scripts wait for."""
    settings, triton = server.settings, server.settings.triton
    assert triton is not None
    if settings.grpc_apis:
        yield f"Started GRPCInferenceService at {settings.grpc_inference_address}:{settings.grpc_inference_port}"
    for name, address, is_wanted in (
        ("HTTPService", settings.inference_address, triton.allow_http),
        ("Metrics Service", settings.metrics_address, triton.allow_metrics),
    ):
        if is_wanted:
            yield f"Started {name} at {address.host}:{address.port}"


def _print(*lines: str) -> None:
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    sys.stderr.flush()
