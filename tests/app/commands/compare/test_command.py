"""`marserve compare`, with two real servers on the loopback."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from itertools import count
from pathlib import Path

import pytest

from app.commands.compare.command import main
from tests.support.http_servers import Respond, answering, chunked, hang_up, listening, unused_address


@pytest.fixture
def servers() -> Iterator[Callable[..., list[str]]]:
    """Starts two servers: gives the options that name them."""
    with ExitStack() as stack:

        def start(baseline: Respond, candidate: Respond) -> list[str]:
            one, other = (stack.enter_context(listening(respond)) for respond in (baseline, candidate))
            return ["--baseline", one, "--candidate", other]

        yield start


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
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"POST /predictions/m  ({requests}:1)"
    assert [" ".join(line.split()) for line in lines[1:3]] == [
        "header x-new (none) -> 1",
        "$.p[0] 0.5 -> 0.75 (off by 0.25)",
    ]


def test_a_tolerance_lets_numbers_pass_and_the_needed_one_is_shown(
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

    def record(request: BaseHTTPRequestHandler, body: bytes) -> None:
        names = ("Authorization", "Content-Type", "X-Who")
        seen.append((request.command, request.path, *(request.headers[name] for name in names), body))
        answering(1)(request, body)

    request = {"method": "PUT", "path": "/v1/models/m:predict?x=1", "headers": {"X-Who": "me"}, "json": [1]}
    (tmp_path / "r.jsonl").write_text(json.dumps(request))
    one, old, other, new = servers(record, record)
    assert main([one, old + "/prefix/", other, new, "--token-baseline", "secret", str(tmp_path / "r.jsonl")]) == 0
    assert seen == [
        ("PUT", "/prefix/v1/models/m:predict?x=1", "Bearer secret", "application/json", "me", b"[1]"),
        ("PUT", "/v1/models/m:predict?x=1", None, "application/json", "me", b"[1]"),
    ]


def test_a_server_that_hangs_up_fails_the_request(
    servers: Callable[..., list[str]], requests: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*servers(answering(1), hang_up), requests]) == 1
    lines = capsys.readouterr().out
    assert "  no answer of the candidate: RemoteDisconnected" in lines
    assert lines.splitlines()[-1].split()[:5] == ["POST", "/predictions/m", "0", "0", "1"]


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
    gone = unused_address()
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


def test_repeated_requests_show_how_often_they_differ_and_whether_the_baseline_is_steady(
    servers: Callable[..., list[str]], requests: str, capsys: pytest.CaptureFixture[str]
) -> None:
    numbers = count()

    def alternate(request: BaseHTTPRequestHandler, body: bytes) -> None:
        answering(next(numbers) % 2)(request, body)

    assert main([*servers(alternate, answering(0)), "--repeat", "4", requests]) == 1
    lines = capsys.readouterr().out
    assert f"POST /predictions/m  ({requests}:1, 2 of 4 times)" in lines
    assert "  the baseline itself answers differently from time to time\n" in lines


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
    assert "  and 38 more; --json shows them all\n" in capsys.readouterr().out


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


def test_equal_errors_are_counted(
    servers: Callable[..., list[str]], requests: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*servers(answering({}, 503), answering({}, 503)), requests]) == 0
    assert capsys.readouterr().out.endswith("\n1 of the equal answers are 503 on both servers.\n")
