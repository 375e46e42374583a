"""Reading requests from pieces of any size: where a body is received, and what comes of it."""

import tracemalloc
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.http.parser import BODY_GROWTH_FACTOR, DIRECT_BODY_THRESHOLD, InvalidRequest, RequestParser
from app.http.request import HttpRequest
from model_registry.errors import NoWorker

LIMIT = 4 << 20
SIZES = (0, 5, DIRECT_BODY_THRESHOLD - 1, DIRECT_BODY_THRESHOLD, DIRECT_BODY_THRESHOLD + 1, 300_000)


class Received:
    """Keeps what a parser has parsed; rejects at their heads the requests to /full."""

    def __init__(self) -> None:
        self.requests: list[tuple[HttpRequest, bool]] = []
        self.early: list[HttpRequest] = []
        self.continued = self.too_large = 0

    def reject_early(self, request: HttpRequest) -> None:
        self.early.append(request)
        if request.path == "/full":
            request.rejection = NoWorker("full", "default")

    def on_request(self, request: HttpRequest, keep_alive: bool) -> None:
        self.requests.append((request, keep_alive))

    def send_continue(self) -> None:
        self.continued += 1

    def on_body_too_large(self) -> None:
        self.too_large += 1

    def on_dropped_body_end(self) -> None:
        self.requests.clear()

    def summary(self) -> list[tuple[str, str, bytes, bool]]:
        """Path, a header, body and whether the connection is kept, of each request."""
        return [
            (request.path[1:], request.header(b"x-number"), bytes(request.body), keep)
            for request, keep in self.requests
        ]


def parser_for(received: Received, limit: int = LIMIT) -> RequestParser:
    return RequestParser(received, limit, memoryview(bytearray(256 << 10)))


def put(parser: RequestParser, data: bytes) -> None:
    """Write data into the parser's buffer, as much at a time as it holds."""
    while data:
        buffer = parser.receive_buffer()
        count = min(len(buffer), len(data))
        buffer[:count] = data[:count]
        del buffer  # as event loops do: while something holds the buffer, it cannot grow
        parser.received(count)
        data = data[count:]


def read(pieces: Iterable[bytes]) -> Received:
    received = Received()
    parser = parser_for(received)
    for piece in pieces:
        put(parser, piece)
    return received


def content(size: int) -> bytes:
    """Bytes of which none can be lost or moved unnoticed."""
    return b"".join(number.to_bytes(4, "big") for number in range(size // 4 + 1))[:size]


def request(body: bytes, *lines: str, path: str = "/echo", version: str = "1.1") -> bytes:
    head = [f"POST {path} HTTP/{version}", "Host: x", f"Content-Length: {len(body)}", *lines]
    return "".join(f"{line}\r\n" for line in head).encode() + b"\r\n" + body


def chunked(body: bytes, size: int = 50_000) -> bytes:
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    head = b"POST /chunked HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    return [data[start:end] for start, end in pairwise([0, *sorted(place % len(data) for place in places), len(data)])]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(SIZES), st.booleans()), min_size=1, max_size=4), st.lists(st.integers(0)))
def test_however_requests_are_cut_they_are_read_alike(sizes: list[tuple[int, bool]], places: list[int]) -> None:
    stream = b"".join(
        chunked(content(size)) if in_chunks else request(content(size), f"X-Number: {number}")
        for number, (size, in_chunks) in enumerate(sizes)
    )
    assert read(cut(stream, places)).summary() == [
        ("chunked" if in_chunks else "echo", "" if in_chunks else str(number), content(size), True)
        for number, (size, in_chunks) in enumerate(sizes)
    ]


@pytest.mark.parametrize("at", [1, 2, DIRECT_BODY_THRESHOLD, DIRECT_BODY_THRESHOLD + 1, 150_000, 299_998, 299_999])
def test_what_begins_at_the_end_of_a_large_body_is_the_next_request(at: int) -> None:
    body = content(300_000)
    stream = request(body) + request(b"small", path="/next") + request(body, path="/last")
    head = stream.index(b"\r\n\r\n") + 4
    received = read([stream[: head + at], stream[head + at :]])
    assert [(path, found) for path, _, found, _ in received.summary()] == [
        ("echo", body), ("next", b"small"), ("last", body)
    ]  # fmt: skip


@pytest.mark.parametrize("size", [DIRECT_BODY_THRESHOLD + 1, 300_000, 2_000_000])
def test_room_for_a_large_body_is_made_as_it_comes(size: int) -> None:
    """A client that declares a length and sends nothing takes no memory with it."""
    body, received = content(size), Received()
    parser = parser_for(received)
    put(parser, request(body)[: -size + 1])
    come = 1
    while not received.requests:
        assert len(parser.receive_buffer()) <= min(size, BODY_GROWTH_FACTOR * come + DIRECT_BODY_THRESHOLD) - come
        step = min(4096, len(parser.receive_buffer()))
        put(parser, body[come : come + step])
        come += step
    assert come == size
    assert received.summary() == [("echo", "", body, True)]


def test_a_body_of_the_greatest_size_that_is_not_large_is_left_to_the_parser() -> None:
    received = read([request(content(DIRECT_BODY_THRESHOLD))[:-1], content(DIRECT_BODY_THRESHOLD)[-1:]])
    assert (received.early, received.summary()) == ([], [("echo", "", content(DIRECT_BODY_THRESHOLD), True)])
    received = read([request(content(DIRECT_BODY_THRESHOLD + 1))[:-1], content(DIRECT_BODY_THRESHOLD + 1)[-1:]])
    assert (len(received.early), received.summary()) == (1, [("echo", "", content(DIRECT_BODY_THRESHOLD + 1), True)])


@pytest.mark.parametrize(
    ("version", "lines", "keep"),
    [("1.1", [], True), ("1.1", ["Connection: close"], False), ("1.0", [], False),
     ("1.0", ["Connection: keep-alive"], True)],
)  # fmt: skip
@pytest.mark.parametrize("size", [5, 300_000])
def test_who_keeps_the_connection_does_not_depend_on_the_body(
    version: str, lines: list[str], keep: bool, size: int
) -> None:
    received = read(cut(request(content(size), *lines, version=version), [-1]))
    assert [(each.http_version, kept) for each, kept in received.requests] == [(version, keep)]


def test_an_early_rejection_sees_all_but_the_body() -> None:
    stream = request(content(300_000), "X-Number: 7", path="/echo?a=1")
    received = read([stream[:-1]])
    (early,) = received.early
    assert (early.path, early.query_string, early.header(b"x-number"), early.method) == ("/echo", b"a=1", "7", "POST")
    assert received.requests == []


def test_a_request_rejected_at_its_head_is_dropped_as_it_comes_and_delivered_at_its_end() -> None:
    received = Received()
    buffer = memoryview(bytearray(256 << 10))
    parser = RequestParser(received, LIMIT, buffer)
    stream = request(content(2_000_000), path="/full")
    put(parser, stream[:100_000])
    assert parser.receive_buffer().obj is buffer.obj
    put(parser, stream[100_000:-1])
    assert received.requests == []
    put(parser, stream[-1:])
    ((rejected, keep),) = received.requests
    assert (bytes(rejected.body), keep, str(rejected.rejection)) == (b"", True, str(NoWorker("full", "default")))


def test_after_what_was_refused_at_its_head_the_next_request_is_read() -> None:
    stream = request(content(300_000), path="/full") + request(content(300_000), path="/next")
    received = read(cut(stream, range(0, len(stream), 7000)))
    assert [(path, len(body)) for path, _, body, _ in received.summary()] == [("full", 0), ("next", 300_000)]


def test_a_large_body_is_asked_for() -> None:
    received, body = Received(), content(300_000)
    parser, stream = parser_for(received), request(body, "Expect: 100-continue")
    put(parser, stream[: -len(body)])
    assert (received.continued, parser.in_message) == (1, True)
    put(parser, body)
    assert (received.summary(), parser.in_message) == ([("echo", "", body, True)], False)
    assert received.requests[0][0].header(b"expect") == ""


def test_a_body_beyond_the_limit_is_neither_offered_early_nor_kept() -> None:
    received = read([request(content(LIMIT + 1))[:1000]])
    assert (received.too_large, received.early, received.requests) == (1, [], [])


@pytest.mark.parametrize(
    "lines",
    [["Content-Length: 300000", "Content-Length: 300001"], ["Content-Length: 300000", "Transfer-Encoding: chunked"],
     ["Transfer-Encoding: chunked", "Content-Length: 300000"], ["Content-Length: +300000"],
     ["Content-Length: 300_000"], ["Content-Length: 0x493e0"]],
)  # fmt: skip
def test_lengths_on_which_two_servers_may_disagree_are_no_http(lines: list[str]) -> None:
    head = "".join(f"{line}\r\n" for line in ["POST /echo HTTP/1.1", "Host: x", *lines])
    with pytest.raises(InvalidRequest):
        read([f"{head}\r\n".encode() + content(300_000)])


def in_chunks(*pieces: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    framed = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + framed + end


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_a_body_costs_its_size_however_it_is_cut(size: int) -> None:
    body = content(60_000)
    stream = in_chunks(*(body[start : start + size] for start in range(0, len(body), size)))
    received = Received()
    parser = parser_for(received)
    tracemalloc.start()
    try:
        for start in range(0, len(stream) - 5, 10_000):
            put(parser, stream[start : start + 10_000][: len(stream) - 5 - start])
        assert tracemalloc.get_traced_memory()[0] < 200_000
    finally:
        tracemalloc.stop()
    put(parser, stream[-5:])
    assert [bytes(request.body) for request, _ in received.requests] == [body]


@pytest.mark.parametrize(
    "endless",
    [b"0\r\nX: " + b"a" * 400_000, b"0\r\n" + b"X: a\r\n" * 80_000, b"1;" + b"a" * 400_000],
    ids=["trailer line", "trailer lines", "chunk extension"],
)
@pytest.mark.parametrize("piece", [1000, 200_000])
def test_what_only_frames_a_body_comes_to_an_end(endless: bytes, piece: int) -> None:
    stream = in_chunks(b"a", end=endless)
    with pytest.raises(InvalidRequest):
        read(cut(stream, range(100, len(stream), piece)))


def test_chunks_of_one_byte_are_no_framing_without_end() -> None:
    body = content(30_000)
    stream = in_chunks(*(body[at : at + 1] for at in range(len(body))), end=b"0\r\nX: a\r\n\r\n") + request(b"next")
    received = read(cut(stream, range(0, len(stream), 700)))
    assert [bytes(each.body) for each, _ in received.requests] == [body, b"next"]


@pytest.mark.parametrize("target", ["http://x:99999/ping", "http://[::1", "file:///x", "x:80"])
@pytest.mark.parametrize("size", [1, 300_000])
def test_a_target_that_is_no_url_is_no_http_and_no_defect(
    target: str, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InvalidRequest):
        read([request(content(size), path=target)])
    assert caplog.records == []


def test_a_target_without_a_path_means_the_root() -> None:
    (found,) = [each for each, _ in read([request(b"a", path="http://x?a=1")]).requests]
    assert (found.path, found.query_string) == ("/", b"a=1")


def test_more_headers_than_anybody_sends_are_no_http() -> None:
    with pytest.raises(InvalidRequest):
        read([request(b"a", *[f"a{number}: b" for number in range(1001)])])
