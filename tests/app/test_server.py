"""uvicorn's server as this project uses it: no ticks, several addresses, waiting connections, the second signal."""

import asyncio
import signal
import socket
from pathlib import Path

import anyio
import pytest

from app.application import create_apps
from app.errors import CannotListen
from app.http.protocol import TorchServeProtocol
from app.server import Server, serve
from app.settings.model import Settings
from app.settings.types import ListenAddress
from tests.conftest import MakeArchive
from tests.support.raw_connections import listening
from tests.support.serving import serving

pytestmark = pytest.mark.anyio
SERVES = "def handle(data, context):\n    return data and ['served'] * len(data)\n"
ANY_PORT = ListenAddress("http", "127.0.0.1", 0)


async def test_one_application_may_have_several_addresses(store: Path, archive: MakeArchive) -> None:
    archive("m", SERVES)
    async with (
        serving(store, "m.mar") as client,
        listening(client, ANY_PORT) as first,
        listening(client, ANY_PORT) as second,
    ):
        assert first.port != second.port
        for server in (first, second):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
            writer.close()


async def test_a_taken_address_is_named(store: Path) -> None:
    async with serving(store) as client, listening(client, ANY_PORT) as server:
        (app,) = create_apps(client.application).values()
        other = Server(app, ListenAddress("http", "127.0.0.1", server.port), client.application)
        with pytest.raises(CannotListen, match=f"Cannot listen on http://127.0.0.1:{server.port}"):
            other.bind()


def test_a_process_that_cannot_listen_says_so_and_ends_with_status_1(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = ListenAddress("http", "127.0.0.1", taken.getsockname()[1])
        settings = Settings(
            inference_address=address, management_address=address, metrics_address=address, authorization="off",
            log_location=tmp_path,
        )  # fmt: skip
        assert serve(settings) == 1
    assert f"Cannot listen on {address}" in (tmp_path / "ts_log.log").read_text()


async def test_connections_that_wait_at_the_socket_are_accepted_before_it_closes(store: Path) -> None:
    async with serving(store) as client:
        (app,) = create_apps(client.application).values()
        server = Server(app, ANY_PORT, client.application)
        server.bind()
        async with anyio.create_task_group() as tasks:
            await tasks.start(server.serve_bound)
            waiting = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(50)]
            client.application.shutdown_requested.set()
            for each in waiting:
                each.setblocking(False)
                each.send(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
        loop = asyncio.get_running_loop()
        answers = [await loop.sock_recv(each, 1000) for each in waiting]
        assert {answer[:15] for answer in answers} == {b"HTTP/1.1 200 OK"}
        for each in waiting:
            each.close()


async def test_uvicorn_is_configured_to_serve_the_protocol_and_nothing_of_its_own(store: Path) -> None:
    async with serving(store) as client, listening(client, ANY_PORT) as server:
        config = server.config
        assert config.http_protocol_class is TorchServeProtocol
        assert (config.ws_protocol_class, config.proxy_headers, config.backlog) == (None, False, 2048)
        assert repr(server) == "<Server http://127.0.0.1:0, 0 connections>"


async def test_the_first_signal_begins_the_shutdown_and_leaves_status_0(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(store) as client, listening(client, ANY_PORT) as server:
        monkeypatch.setattr(client.application.deadline, "start_with_exit", client.application.deadline.start)
        server.handle_exit(signal.SIGTERM, None)
        await client.application.shutdown_requested.wait()
        assert (server.should_exit, server._captured_signals) == (True, [])
        assert "not started" not in repr(client.application.deadline)
