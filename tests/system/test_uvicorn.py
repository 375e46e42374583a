"""`uvicorn app:main`, with uvicorn's protocols and with the project's own: answers, and how the process ends."""

import http.client
import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic

import pytest

from tests.conftest import MakeArchive
from tests.support.load import Load, status, until
from tests.support.processes import Server

ROOT = Path(__file__).parents[2]
PROTOCOL = ("--http", "app.http.protocol:TorchServeProtocol")
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
REQUESTS = (
    b"POST /predictions/works HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi",
    b"POST /predictions/works/2.0 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    b"POST /v2/models/works/infer HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi",
    b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /models HTTP/1.1\r\nHost: x\r\n\r\n",
    b"DELETE /ping/%zz HTTP/1.1\r\nHost: x\r\n\r\n",
    b"OPTIONS / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"HEAD /ping HTTP/1.0\r\n\r\n",
    b"no HTTP\r\n\r\n",
)


@contextmanager
def uvicorn(store: Path, *options: str, **environ: str) -> Iterator[Server]:
    """`uvicorn app:main` on the archive `works` of a store."""
    model = next(store.glob("*.mar")).name
    variables = {
        **os.environ, "PYTHONPATH": str(ROOT), "TS_MODEL_STORE": str(store), "TS_LOAD_MODELS": model,
        "MARSERVE_MANAGEMENT_TOKEN": "token", **environ,
    }  # fmt: skip
    server = Server([sys.executable, "-m", "uvicorn", "app:main"], store.parent, variables)
    server._command = [*server._command, "--port", str(server.port), *options]
    with server:
        until(lambda: "Uvicorn running on" in server.output)
        until(lambda: status(f"{server.url}/v2/health/ready") == 200)
        yield server


def exchange(server: Server, request: bytes) -> bytes:
    """All that is answered to a request, without what differs from time to time."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(request)
        answer = connection.recv(1 << 16)
    return re.sub(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", b"ID", answer)


def test_the_own_protocol_answers_as_marserve_serve_does_to_the_byte(store: Path, archive: MakeArchive) -> None:
    archive("works", WORKS)
    locked = {"MARSERVE_MANAGEMENT_TOKEN": "token", "K_SERVICE": "on a platform"}
    with uvicorn(store, *PROTOCOL) as ours, Server.of(store, "works.mar", environ=locked) as theirs:
        theirs.until_listening()
        until(lambda: status(f"{theirs.url}/v2/health/ready") == 200)
        for request in REQUESTS:
            assert exchange(ours, request) == exchange(theirs, request), request


@pytest.mark.parametrize("options", [(), PROTOCOL], ids=["uvicorn's protocol", "the own protocol"])
def test_a_signal_ends_it_with_status_0_and_what_was_accepted_is_answered(
    store: Path, archive: MakeArchive, options: tuple[str, ...]
) -> None:
    archive("works", WORKS)
    with uvicorn(store, *options) as server, closing(http.client.HTTPConnection("127.0.0.1", server.port)) as client:
        client.request("POST", "/predictions/works", b"x", {"Content-Type": "text/plain"})
        assert client.getresponse().read() == b"x"  # the connection is kept, and idle
        assert server.stop(signal.SIGTERM) == 0, server.output
        assert "Traceback" not in server.output


def test_with_the_own_protocol_a_signal_under_load_loses_no_request(store: Path, archive: MakeArchive) -> None:
    archive("works", WORKS, config="minWorkers: 2\nmaxWorkers: 2\nbatchSize: 4\nmaxBatchDelay: 20\n")
    with uvicorn(store, *PROTOCOL) as server, Load(server.url, 16, "works") as load:
        assert load.busy.wait(30)
        began = monotonic()
        assert server.stop(signal.SIGTERM) == 0, server.output
        assert monotonic() - began < 8
    assert load.lost == 0
    assert load.statuses == {200}


@pytest.mark.parametrize("options", [(), PROTOCOL], ids=["uvicorn's protocol", "the own protocol"])
def test_a_prediction_that_hangs_does_not_outlast_the_one_deadline(
    store: Path, archive: MakeArchive, options: tuple[str, ...]
) -> None:
    archive("hangs", HANGS)
    with (
        uvicorn(store, *options, MARSERVE_DRAIN_TIMEOUT="1") as server,
        closing(http.client.HTTPConnection("127.0.0.1", server.port)) as client,
    ):
        client.request("POST", "/predictions/hangs", b"x")
        until(lambda: "model_name" in metric(server, "ts_inference_requests_total"))
        began = monotonic()
        assert server.stop(signal.SIGTERM) == 0, server.output
        assert monotonic() - began < 30  # it would be for ever


def metric(server: Server, name: str) -> str:
    """The samples of a metric."""
    with closing(http.client.HTTPConnection("127.0.0.1", server.port)) as client:
        client.request("GET", f"/metrics?name[]={name}")
        lines = client.getresponse().read().decode().splitlines()
    return "\n".join(line for line in lines if not line.startswith("#"))
