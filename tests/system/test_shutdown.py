"""A server process starts and ends: signals under load, hanging handlers, what is left behind."""

import http.client
import signal
import socket
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from time import monotonic
from urllib.request import urlopen

import pytest

from tests.conftest import MakeArchive
from tests.support.load import Load, status, until
from tests.support.processes import Server

WORKS = """
    import time
    def handle(data, context):
        if data:
            time.sleep(0.02)
            return [row["body"] for row in data]
"""
HANGS = """
    import threading
    def handle(data, context):
        if data:
            threading.Event().wait()
"""
STAYS = """
    import threading
    class Stays:
        def initialize(self, context):
            threading.Thread(target=threading.Event().wait).start()
        def handle(self, data, context):
            return [1] * len(data)
"""
LOADS_SLOWLY = """
    import pathlib, time
    class LoadsSlowly:
        def initialize(self, context):
            gate = pathlib.Path(context.system_properties["model_dir"], "gate")
            while not gate.exists():
                time.sleep(0.01)
        def handle(self, data, context):
            return ["loaded"] * len(data)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_under_load_loses_no_request_and_leaves_nothing_behind(
    store: Path, archive: MakeArchive, number: signal.Signals
) -> None:
    archive("works", WORKS, config="minWorkers: 2\nmaxWorkers: 2\nbatchSize: 4\nmaxBatchDelay: 20\n")
    with Server.of(store, "works.mar") as server:
        server.until_listening()
        until(lambda: status(f"{server.url}/v2/health/ready") == 200)
        with Load(server.url, 16, "works") as load:
            assert load.busy.wait(30)
            began = monotonic()
            assert server.stop(number) == 0, server.output
            assert monotonic() - began < 8
    assert load.lost == 0
    assert load.statuses == {200}
    assert left_behind(store) == []


def test_a_connection_refused_by_the_stopped_server_was_never_accepted(store: Path, archive: MakeArchive) -> None:
    archive("works", WORKS)
    with Server.of(store, "works.mar") as server:
        server.until_listening()
        assert server.stop(signal.SIGTERM) == 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port))


@pytest.mark.parametrize("handler", [HANGS, STAYS], ids=["a hanging prediction", "a thread that never ends"])
def test_what_never_ends_by_itself_does_not_outlast_the_time_to_drain(
    store: Path, archive: MakeArchive, handler: str
) -> None:
    archive("stubborn", handler)
    with Server.of(store, "stubborn.mar", environ={"MARSERVE_DRAIN_TIMEOUT": "1"}) as server:
        server.until_listening()
        with asking(server, "stubborn"):
            began = monotonic()
            assert server.stop(signal.SIGTERM) == 0, server.output
            assert monotonic() - began < 30  # it would be for ever
    assert left_behind(store) == []


def test_a_second_signal_ends_the_server_at_once(store: Path, archive: MakeArchive) -> None:
    archive("hangs", HANGS)
    with Server.of(store, "hangs.mar", environ={"MARSERVE_DRAIN_TIMEOUT": "60"}) as server:
        server.until_listening()
        with asking(server, "hangs"):
            server.process.send_signal(signal.SIGTERM)
            until(lambda: "Shutting down" in server.output)
            assert server.stop(signal.SIGTERM) == -signal.SIGTERM


def test_the_port_is_bound_while_models_still_load(store: Path, archive: MakeArchive) -> None:
    folder = unpacked(store, archive("slow", LOADS_SLOWLY))
    with Server.of(store, "slow") as server:
        server.until_listening()
        assert status(f"{server.url}/v2/health/live") == 200
        assert status(f"{server.url}/v2/health/ready") == 503
        (folder / "gate").touch()
        until(lambda: status(f"{server.url}/v2/health/ready") == 200)
        assert server.stop(signal.SIGTERM) == 0


@contextmanager
def asking(server: Server, model: str) -> Iterator[None]:
    """A prediction that the server has accepted; its answer is not waited for."""
    with closing(http.client.HTTPConnection("127.0.0.1", server.port)) as connection:
        connection.request("POST", f"/predictions/{model}", b"x")
        until(lambda: "model_name" in metric(server, "ts_inference_requests_total"))
        yield


def unpacked(store: Path, path: Path) -> Path:
    """The archive as a folder of the store, which is served where it lies."""
    folder = store / path.stem
    with zipfile.ZipFile(path) as file:
        file.extractall(folder)
    path.unlink()
    return folder


def left_behind(store: Path) -> list[Path]:
    """Files under the server's temporary folder."""
    return [path for path in (store.parent / "temporary").rglob("*") if path.parent.name != "temporary"]


def metric(server: Server, name: str) -> str:
    """The samples of a metric."""
    with urlopen(f"{server.url}/metrics?name[]={name}") as answer:
        return "\n".join(line for line in answer.read().decode().splitlines() if not line.startswith("#"))


def test_connections_that_were_made_before_the_signal_are_served(store: Path, archive: MakeArchive) -> None:
    """A stopped process cannot accept them, but the system does it for it: they wait at the door with the signal."""
    archive("works", WORKS)
    request = b"POST /predictions/works HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\nx"
    with Server.of(store, "works.mar") as server, ExitStack() as stack:
        server.until_listening()
        until(lambda: status(f"{server.url}/v2/health/ready") == 200)
        server.process.send_signal(signal.SIGSTOP)
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port))) for _ in range(50)]
        server.process.send_signal(signal.SIGTERM)
        server.process.send_signal(signal.SIGCONT)
        for client in clients:
            client.sendall(request)
        assert {client.recv(4096)[:12] for client in clients} == {b"HTTP/1.1 200"}
        assert server.process.wait(30) == 0
