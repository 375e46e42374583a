"""The webhook of a rollout: called once, and a failing one delays nothing."""

import json
import logging
import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from model_registry.traffic.webhook import notify


@contextmanager
def receiving(status: int) -> Iterator[tuple[str, list[bytes]]]:
    bodies: list[bytes] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server: socketserver.BaseServer = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/hook", bodies
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_news_is_posted_as_json() -> None:
    with receiving(200) as (url, bodies):
        notify(url, {"state": "completed"}).join()
    assert [json.loads(body) for body in bodies] == [{"state": "completed"}]


def test_a_receiver_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with receiving(500) as (url, _), caplog.at_level(logging.WARNING, "marserve.traffic"):
        notify(url, {}).join()
    assert "500" in caplog.text


def test_a_receiver_that_is_not_there_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "marserve.traffic"):
        notify("http://127.0.0.1:9/", {}).join()
    assert "was not told" in caplog.text
