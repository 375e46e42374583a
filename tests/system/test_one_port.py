"""A server process that strangers may reach: what they can do, what they cannot, and what they cannot hold up."""

import http.client
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from tests.conftest import MakeArchive
from tests.support.load import status, until
from tests.support.processes import Server

TOKEN = "a token of some length"
ENVIRON = {
    "K_SERVICE": "on a platform", "MARSERVE_MANAGEMENT_TOKEN": TOKEN, "TS_MAX_REQUEST_SIZE": "1000",
    "TS_ALLOWED_URLS": "https://models.example.com/.*",
}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serves one model with one worker; management is locked."""
    store = tmp_path_factory.mktemp("public") / "store"
    (store / "echo").mkdir(parents=True)
    (store / "echo" / "handler.py").write_text(
        "def handle(data, context):\n    return data and ['hello'] * len(data)\n"
    )
    (store / "echo" / "MAR-INF").mkdir()
    (store / "echo" / "MAR-INF" / "MANIFEST.json").write_text(
        '{"model": {"modelName": "echo", "handler": "handler.py", "modelVersion": "1.0"}}'
    )
    with Server.of(store, "echo", environ=ENVIRON) as running:
        running.until_listening()
        until(lambda: status(f"{running.url}/v2/health/ready") == 200)
        yield running


def call(server: Server, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, str]:
    """Status and body of a call on a connection of its own."""
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)) as connection:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


@pytest.mark.parametrize("path", ["/ping", "/metrics", "/v2/health/live", "/v2/health/ready", "/predictions/echo"])
def test_inference_health_and_metrics_are_open(server: Server, path: str) -> None:
    assert call(server, "GET", path)[0] == 200


@pytest.mark.parametrize(
    "authorization",
    ["", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", "Bearer ", "Bearer \xfc"],
)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/models"), ("POST", "/models?url=echo"), ("DELETE", "/models/echo")]
)
def test_management_needs_the_token(server: Server, method: str, path: str, authorization: str) -> None:
    assert call(server, method, path, Authorization=authorization)[0] == 401
    assert call(server, "GET", "/predictions/echo")[0] == 200


def test_the_token_opens_management(server: Server) -> None:
    assert call(server, "GET", "/models", Authorization=f"Bearer {TOKEN}")[0] == 200


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://evil.example.com/a.mar", "does not match any allowed URL"),
        ("file:///etc/passwd", "does not match any allowed URL"),
        ("../../etc/passwd", "Relative path is not allowed in url"),
    ],
)
def test_archives_come_from_allowed_places_only(server: Server, url: str, message: str) -> None:
    found, text = call(server, "POST", f"/models?url={url}", Authorization=f"Bearer {TOKEN}")
    assert (found, message in text) == (404, True)


def test_clients_that_send_half_a_request_hold_nobody_up(server: Server) -> None:
    with ExitStack() as stack:
        for half in (b"POST /predictions/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nhalf", b"GET /pi") * 50:
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            slow.sendall(half)
        for _ in range(5):
            assert call(server, "POST", "/predictions/echo", b"x") == (200, "hello")


def test_a_body_beyond_the_limit_is_refused(server: Server) -> None:
    assert call(server, "POST", "/predictions/echo", b"x" * 1001)[0] == 413


def test_a_multipart_body_is_bounded_like_any_other(server: Server) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="f"\r\n\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    assert call(server, "POST", "/predictions/echo", part + b"x" * 1000 + b"\r\n--b--\r\n", **kind)[0] == 413


def test_a_head_without_end_is_cut_off(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as greedy:
        greedy.sendall(b"GET /ping HTTP/1.1\r\nX: ")
        with suppress(ConnectionError):  # it may be cut off while it still sends
            greedy.sendall(b"x" * (2 << 20))
        with suppress(ConnectionResetError):
            assert greedy.recv(100).startswith(b"HTTP/1.1 400 ")
            while greedy.recv(1 << 16):
                pass
    assert call(server, "GET", "/ping")[0] == 200


def test_no_answer_is_kept_in_a_cache(server: Server) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)) as connection:
        connection.request("GET", "/predictions/echo")
        answer = connection.getresponse()
        assert "no-store" in str(answer.getheader("cache-control"))
        assert answer.getheader("server") is None


def test_the_token_is_nowhere_in_the_log(server: Server, store: Path, archive: MakeArchive) -> None:
    call(server, "GET", "/models", Authorization=f"Bearer {TOKEN}")
    assert TOKEN not in server.output
