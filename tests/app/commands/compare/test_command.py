"""`marserve compare`, with two real servers on the loopback."""

import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from app.commands.compare.command import main
from app.commands.http_client import Answer, Failure, Peer
from app.commands.sample_requests import Sample

Respond = Callable[[BaseHTTPRequestHandler, bytes], None]
"""Answers one request, whose body has been read."""


@contextmanager
def listening(respond: Respond) -> Iterator[str]:
    """A server while the block runs; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline()
            if self.raw_requestline and self.parse_request():
                respond(self, self.rfile.read(int(self.headers.get("Content-Length", 0))))
            self.close_connection = True

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def servers() -> Iterator[Callable[..., list[str]]]:
    """Starts two servers: gives the options that name them."""
    with ExitStack() as stack:

        def start(baseline: Respond, candidate: Respond) -> list[str]:
            one, other = (stack.enter_context(listening(respond)) for respond in (baseline, candidate))
            return ["--baseline", one, "--candidate", other]

        yield start


def answering(value: Any, status: int = 200, **headers: str) -> Respond:
    """Answer JSON."""

    def respond(request: BaseHTTPRequestHandler, body: bytes) -> None:
        text = json.dumps(value).encode()
        request.send_response(status)
        for name, content in {**headers, "Content-Length": str(len(text))}.items():
            request.send_header(name.replace("_", "-"), content)
        request.end_headers()
        request.wfile.write(text)

    return respond


def chunked(*pieces: bytes) -> Respond:
    """Answer a stream."""

    def respond(request: BaseHTTPRequestHandler, body: bytes) -> None:
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        for piece in (*pieces, b""):
            request.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))

    return respond


def hang_up(request: BaseHTTPRequestHandler, body: bytes) -> None:
    """Close without a word."""


def nowhere() -> str:
    """An address that refuses connections."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def requests(tmp_path: Path) -> str:
    """A file with one request."""
    file = tmp_path / "requests.txt"
    file.write_text('POST /predictions/m {"a": 1}\n')
    return str(file)


def test_equal_answers_end_with_0(
    servers: Callable[..., list[str]], requests: str, capsys: pytest.CaptureFixture[str]
) -> None:
    both = servers(answering({"a": 1}, X_Request_Id="1"), answering({"a": 1}, X_Request_Id="2"))
    assert main([*both, requests]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["equal", "different", "failed", "baseline", "candidate"]
    assert row.split()[:5] == ["POST", "/predictions/m", "1", "0", "0"]


def test_different_answers_are_shown_and_end_with_1(
    servers: Callable[..., list[str]], requests: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*servers(answering({"p": [0.5, 1]}), answering({"p": [0.75, 1]}, X_New="1")), requests]) == 1
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"POST /predictions/m  ({requests}:1)"
    assert [" ".join(line.split()) for line in told[1:3]] == [
        "header x-new (none) -> 1",
        "$.p[0] 0.5 -> 0.75 (off by 0.25)",
    ]


def test_a_tolerance_lets_numbers_pass_and_advice_tells_which(
    servers: Callable[..., list[str]], requests: str, capsys: pytest.CaptureFixture[str]
) -> None:
    both = servers(answering([0.5, 0.1]), answering([0.5000001, 0.1]))
    assert main([*both, requests]) == 1
    assert "Nothing but numbers differ, by 1e-07 at most; see --tolerance.\n" in capsys.readouterr().out
    assert main([*both, "--tolerance", "1e-6", requests]) == 0


def test_a_header_can_be_ignored(servers: Callable[..., list[str]], requests: str) -> None:
    both = servers(answering(1, Via="proxy"), answering(1))
    assert main([*both, requests]) == 1
    assert main([*both, "--ignore-header", "VIA", requests]) == 0


def test_streams_are_compared_with_their_pieces_joined(servers: Callable[..., list[str]], requests: str) -> None:
    assert main([*servers(chunked(b"one ", b"two"), chunked(b"one two")), requests]) == 0
    assert main([*servers(chunked(b"one ", b"two"), chunked(b"one too")), requests]) == 1


def test_requests_arrive_as_they_were_written_with_each_servers_token(
    servers: Callable[..., list[str]], tmp_path: Path
) -> None:
    seen = []

    def note(request: BaseHTTPRequestHandler, body: bytes) -> None:
        names = ("Authorization", "Content-Type", "X-Who")
        seen.append((request.command, request.path, *(request.headers[name] for name in names), body))
        answering(1)(request, body)

    said = {"method": "PUT", "path": "/v1/models/m:predict?x=1", "headers": {"X-Who": "me"}, "json": [1]}
    (tmp_path / "r.jsonl").write_text(json.dumps(said))
    one, old, other, new = servers(note, note)
    assert main([one, old + "/prefix/", other, new, "--token-baseline", "secret", str(tmp_path / "r.jsonl")]) == 0
    assert seen == [
        ("PUT", "/prefix/v1/models/m:predict?x=1", "Bearer secret", "application/json", "me", b"[1]"),
        ("PUT", "/v1/models/m:predict?x=1", None, "application/json", "me", b"[1]"),
    ]


def test_a_server_that_hangs_up_fails_the_request(
    servers: Callable[..., list[str]], requests: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*servers(answering(1), hang_up), requests]) == 1
    told = capsys.readouterr().out
    assert "  no answer of the candidate: RemoteDisconnected" in told
    assert told.splitlines()[-1].split()[:5] == ["POST", "/predictions/m", "0", "0", "1"]


def test_a_server_that_does_not_answer_in_time_fails_the_request(
    servers: Callable[..., list[str]], requests: str, capsys: pytest.CaptureFixture[str]
) -> None:
    over = threading.Event()
    try:
        both = servers(answering(1), lambda request, body: over.wait(20) and None)
        assert main([*both, "--timeout", "0.05", requests]) == 1
    finally:
        over.set()
    assert "  no answer of the candidate: TimeoutError: timed out" in capsys.readouterr().out


def test_a_server_that_cannot_be_reached_ends_with_2_at_once(
    servers: Callable[..., list[str]], requests: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = count()
    one, old, other, _ = servers(lambda request, body: print(next(asked)), answering(1))
    gone = nowhere()
    assert main([one, old, other, gone, requests]) == 2
    assert f"marserve compare: {gone} cannot be reached: ConnectionRefusedError" in capsys.readouterr().err
    assert next(asked) == 0


@pytest.mark.parametrize("url", ["ftp://host", "http://", "http://host:port"])
def test_an_address_that_is_none_ends_with_2(url: str, requests: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--baseline", url, "--candidate", "127.0.0.1:1", requests]) == 2
    assert capsys.readouterr().err.startswith("marserve compare: ")


def test_requests_that_cannot_be_read_end_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--baseline", "a:1", "--candidate", "b:1", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"marserve compare: {tmp_path}: there are no requests\n"


def test_repeated_requests_tell_how_often_they_differ_and_whether_the_baseline_is_steady(
    servers: Callable[..., list[str]], requests: str, capsys: pytest.CaptureFixture[str]
) -> None:
    numbers = count()

    def turn(request: BaseHTTPRequestHandler, body: bytes) -> None:
        answering(next(numbers) % 2)(request, body)

    assert main([*servers(turn, answering(0)), "--repeat", "4", requests]) == 1
    told = capsys.readouterr().out
    assert f"POST /predictions/m  ({requests}:1, 2 of 4 times)" in told
    assert "  the baseline itself answers differently from time to time\n" in told


def test_many_at_once_keep_the_order_of_the_requests(
    servers: Callable[..., list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "many.txt").write_text("\n".join(f"GET /{number}" for number in range(20)))
    assert main([*servers(answering(1), answering(2)), "--concurrency", "8", "--json", str(tmp_path / "many.txt")]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["equal"], report["different"], report["failed"]) == (0, 20, 0)
    assert [each["path"] for each in report["requests"]] == [f"/{number}" for number in range(20)]
    assert report["baseline"]["latency"] > 0
    assert report["requests"][3]["differences"] == [
        {"where": "$", "baseline": "1", "candidate": "2", "gap": 1.0},
    ]


def test_one_request_of_many_differences_shows_the_first(
    servers: Callable[..., list[str]], requests: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main([*servers(answering(list(range(50))), answering([-1] * 50)), requests])
    assert "  and 38 more; --json tells them all\n" in capsys.readouterr().out


def test_progress_goes_to_a_terminal_only(
    servers: Callable[..., list[str]],
    requests: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = servers(answering(1), answering(1))
    main([*both, requests])
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    main([*both, requests])
    assert "1 of 1 requests" in capsys.readouterr().err


def test_an_early_refusal_is_an_answer_though_the_body_was_not_taken() -> None:
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
        outcome = Peer(f"http://127.0.0.1:{listener.getsockname()[1]}").ask(
            Sample("here", "POST", "/", {}, b"x" * (1 << 22))
        )
        thread.join()
    assert isinstance(outcome, Answer)
    assert outcome.status == 413


def test_a_peer_that_is_not_there_is_unreachable() -> None:
    outcome = Peer(nowhere()).ask(Sample("here", "GET", "/", {}))
    assert isinstance(outcome, Failure)
    assert outcome.unreachable
