"""Reading requests from pieces of any size: where a body is received, and what comes of it."""

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.http.parser import GROWTH, LARGE, InvalidRequest, RequestParser
from app.http.request import Call
from model_registry.errors import NoWorker

LIMIT = 4 << 20
SIZES = (0, 5, LARGE - 1, LARGE, LARGE + 1, 300_000)


class Taken:
    """Keeps what a reader has read; refuses at their heads the calls to /full."""

    def __init__(self) -> None:
        self.calls: list[tuple[Call, bool]] = []
        self.foreseen: list[Call] = []
        self.encouraged = self.too_large = 0

    def foresee(self, call: Call) -> None:
        self.foreseen.append(call)
        if call.segments == ["full"]:
            call.refusal = NoWorker("full", "default")

    def take(self, call: Call, keep: bool) -> None:
        self.calls.append((call, keep))

    def encourage(self) -> None:
        self.encouraged += 1

    def refuse(self) -> None:
        self.too_large += 1

    def refused(self) -> None:
        self.calls.clear()

    def told(self) -> list[tuple[str, str, bytes, bool]]:
        """Path, a header, body and whether the connection is kept, of each call."""
        return [
            ("/".join(call.segments), call.header(b"x-number"), bytes(call.body), keep) for call, keep in self.calls
        ]


def reader_for(taken: Taken, limit: int = LIMIT) -> RequestParser:
    return RequestParser(taken, limit, memoryview(bytearray(256 << 10)))


def put(reader: RequestParser, data: bytes) -> None:
    """Write data where the reader wants it, as much at a time as there is room for."""
    while data:
        room = reader.room()
        count = min(len(room), len(data))
        room[:count] = data[:count]
        del room  # as event loops do: while somebody holds the room, it cannot grow
        reader.received(count)
        data = data[count:]


def read(pieces: Iterable[bytes]) -> Taken:
    taken = Taken()
    reader = reader_for(taken)
    for piece in pieces:
        put(reader, piece)
    return taken


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
    assert read(cut(stream, places)).told() == [
        ("chunked" if in_chunks else "echo", "" if in_chunks else str(number), content(size), True)
        for number, (size, in_chunks) in enumerate(sizes)
    ]


@pytest.mark.parametrize("at", [1, 2, LARGE, LARGE + 1, 150_000, 299_998, 299_999])
def test_what_begins_at_the_end_of_a_large_body_is_the_next_request(at: int) -> None:
    body = content(300_000)
    stream = request(body) + request(b"small", path="/next") + request(body, path="/last")
    head = stream.index(b"\r\n\r\n") + 4
    taken = read([stream[: head + at], stream[head + at :]])
    assert [(path, found) for path, _, found, _ in taken.told()] == [
        ("echo", body), ("next", b"small"), ("last", body)
    ]  # fmt: skip


@pytest.mark.parametrize("size", [LARGE + 1, 300_000, 2_000_000])
def test_room_for_a_large_body_is_made_as_it_comes(size: int) -> None:
    """Whoever declares a length and sends nothing takes no memory with it."""
    body, taken = content(size), Taken()
    reader = reader_for(taken)
    put(reader, request(body)[: -size + 1])
    come = 1
    while not taken.calls:
        assert len(reader.room()) <= min(size, GROWTH * come + LARGE) - come
        step = min(4096, len(reader.room()))
        put(reader, body[come : come + step])
        come += step
    assert come == size
    assert taken.told() == [("echo", "", body, True)]


def test_a_body_of_the_greatest_size_that_is_not_large_is_left_to_the_parser() -> None:
    taken = read([request(content(LARGE))[:-1], content(LARGE)[-1:]])
    assert (taken.foreseen, taken.told()) == ([], [("echo", "", content(LARGE), True)])
    taken = read([request(content(LARGE + 1))[:-1], content(LARGE + 1)[-1:]])
    assert (len(taken.foreseen), taken.told()) == (1, [("echo", "", content(LARGE + 1), True)])


@pytest.mark.parametrize(
    ("version", "lines", "keep"),
    [("1.1", [], True), ("1.1", ["Connection: close"], False), ("1.0", [], False),
     ("1.0", ["Connection: keep-alive"], True)],
)  # fmt: skip
@pytest.mark.parametrize("size", [5, 300_000])
def test_who_keeps_the_connection_does_not_depend_on_the_body(
    version: str, lines: list[str], keep: bool, size: int
) -> None:
    taken = read(cut(request(content(size), *lines, version=version), [-1]))
    assert [(call.http_version, kept) for call, kept in taken.calls] == [(version, keep)]


def test_a_call_is_foreseen_with_all_but_its_body() -> None:
    stream = request(content(300_000), "X-Number: 7", path="/echo?a=1")
    taken = read([stream[:-1]])
    (call,) = taken.foreseen
    assert (call.segments, call.query, call.header(b"x-number"), call.method) == (["echo"], {"a": "1"}, "7", "POST")
    assert taken.calls == []


def test_what_is_refused_at_its_head_is_dropped_as_it_comes_and_told_at_its_end() -> None:
    taken = Taken()
    scratch = memoryview(bytearray(256 << 10))
    reader = RequestParser(taken, LIMIT, scratch)
    stream = request(content(2_000_000), path="/full")
    put(reader, stream[:100_000])
    assert reader.room().obj is scratch.obj
    put(reader, stream[100_000:-1])
    assert taken.calls == []
    put(reader, stream[-1:])
    ((call, keep),) = taken.calls
    assert (bytes(call.body), keep, str(call.refusal)) == (b"", True, str(NoWorker("full", "default")))


def test_after_what_was_refused_at_its_head_the_next_request_is_read() -> None:
    stream = request(content(300_000), path="/full") + request(content(300_000), path="/next")
    taken = read(cut(stream, range(0, len(stream), 7000)))
    assert [(path, len(body)) for path, _, body, _ in taken.told()] == [("full", 0), ("next", 300_000)]


def test_a_large_body_is_asked_for() -> None:
    taken, body = Taken(), content(300_000)
    reader, stream = reader_for(taken), request(body, "Expect: 100-continue")
    put(reader, stream[: -len(body)])
    assert (taken.encouraged, reader.in_message) == (1, True)
    put(reader, body)
    assert (taken.told(), reader.in_message) == ([("echo", "", body, True)], False)
    assert taken.calls[0][0].header(b"expect") == ""


def test_a_body_beyond_the_limit_is_neither_foreseen_nor_kept() -> None:
    taken = read([request(content(LIMIT + 1))[:1000]])
    assert (taken.too_large, taken.foreseen, taken.calls) == (1, [], [])


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
