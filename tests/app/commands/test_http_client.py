"""The client hands back the response as it came, and says why there is none."""

import socket
import threading
from http.server import BaseHTTPRequestHandler

import pytest

from app.commands.http_client import HttpClient, NoResponse, RequestRefused
from app.commands.sample_requests import Content
from tests.support.http_servers import answering, chunked, hang_up, listening, unused_address


def test_a_response_has_status_headers_and_body() -> None:
    with listening(answering({"a": 1}, 201, X_Twice="b")) as url:
        response = HttpClient(url).send("GET", "/")
    assert (response.status, response.headers["x-twice"], response.body) == (201, "b", b'{"a": 1}')
    assert response.seconds > 0


def test_chunks_are_joined() -> None:
    with listening(chunked(b"one ", b"two")) as url:
        assert HttpClient(url).send("GET", "/").body == b"one two"


def test_a_call_quotes_its_path_and_has_query_type_and_token() -> None:
    seen = []

    def record(request: BaseHTTPRequestHandler, body: bytes) -> None:
        seen.append((request.command, request.path, request.headers["Content-Type"], body))
        seen.append(request.headers["Authorization"])
        answering("done")(request, body)

    with listening(record) as url:
        client = HttpClient(f"{url}/prefix/", "secret")
        assert client.call("POST", "models", "a/b", query={"url": "x y"}, content=Content(b"1", "text/x")) == b'"done"'
    assert seen == [("POST", "/prefix/models/a%2Fb?url=x+y", "text/x", b"1"), "Bearer secret"]


@pytest.mark.parametrize(
    ("value", "message"), [({"message": "no such model"}, "404: no such model"), ([], "404: []")]
)  # fmt: skip
def test_a_refusal_has_the_servers_message(value: object, message: str) -> None:
    with listening(answering(value, 404)) as url, pytest.raises(RequestRefused) as refusal:
        HttpClient(url).call("GET", "models", "m")
    assert (str(refusal.value), refusal.value.status) == (message, 404)


def test_an_early_refusal_is_a_response_though_the_body_was_not_read() -> None:
    def refuse(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1 << 20):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=refuse, args=(listener,))
        thread.start()
        client = HttpClient(f"http://127.0.0.1:{listener.getsockname()[1]}")
        assert client.send("POST", "/", body=b"x" * (1 << 22)).status == 413
        thread.join()


def test_a_server_that_hangs_up_was_reached() -> None:
    with listening(hang_up) as url, pytest.raises(NoResponse, match="RemoteDisconnected") as failure:
        HttpClient(url).send("GET", "/")
    assert not failure.value.unreachable


def test_a_port_without_a_server_is_unreachable() -> None:
    client = HttpClient(unused_address())
    with pytest.raises(NoResponse, match="ConnectionRefusedError") as failure:
        client.check_connection()
    assert failure.value.unreachable
    with pytest.raises(RequestRefused, match="cannot be reached: ConnectionRefusedError") as refusal:
        client.call("GET", "models")
    assert refusal.value.status == 0


@pytest.mark.parametrize("url", ["ftp://host", "http://", "http://host:port"])
def test_an_invalid_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        HttpClient(url)
