"""The access log."""

import io
import json
import re
from collections.abc import Sequence
from datetime import datetime
from threading import Event, Thread
from time import perf_counter, time

import pytest

from app.logging.access_log import (
    CONSOLE_SEPARATOR,
    FILE_SEPARATOR,
    MAX_CACHED_TARGET_BYTES,
    MAX_PENDING_REQUESTS,
    AccessLog,
    Request,
    format_json,
    format_text,
)
from app.logging.formatters import local_timestamp

CLIENT = ("127.0.0.1", 60238)
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d,\d{3}"


class Output:
    """One output of an access log, and what was written to it."""

    def __init__(self, separator: str) -> None:
        self.stream = io.StringIO()
        self.pair = (self.stream.write, separator)

    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()


def record(log: AccessLog, target: bytes, status: int = 200) -> None:
    log.write(CLIENT, "GET", target, "1.1", status, perf_counter())


def test_no_request_is_lost_or_written_twice_while_another_thread_flushes() -> None:
    output, stop = Output(FILE_SEPARATOR), Event()
    log = AccessLog([output.pair], format_text)

    def flush() -> None:
        while not stop.is_set():
            log.flush()

    threads = [Thread(target=flush) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(3000):
        record(log, b"/%d" % number)
    stop.set()
    for thread in threads:
        thread.join()
    log.close()
    assert [line.split('"')[1].split()[1] for line in output.lines()] == [f"/{number}" for number in range(3000)]


@pytest.mark.parametrize(
    ("separator", "shown"), [(FILE_SEPARATOR, " - "), (CONSOLE_SEPARATOR, r" \[INFO \] main ACCESS_LOG - ")]
)
def test_a_line_is_as_torchserve_writes_it_to_its_file_and_among_others(separator: str, shown: str) -> None:
    output = Output(separator)
    log = AccessLog([output.pair], format_text)
    record(log, b"/predictions/ver?a=%20b&c=1")
    log.flush()
    (line,) = output.lines()
    request = r'/127\.0\.0\.1:60238 "GET /predictions/ver\?a=%20b&c=1 HTTP/1\.1" 200 '
    match = re.fullmatch(rf"({TIME}){shown}{request}\d+", line)
    assert match
    assert 0 <= time() - datetime.fromisoformat(match[1]).timestamp() < 60


def test_times_are_those_of_the_answer_and_whole_milliseconds_from_the_request_to_it() -> None:
    requests: list[Request] = [(None, "GET", b"/", "1.1", 200, began, 7.0) for began in (6.9895, 6.9885, 7.0)]
    lines = [*format_text(requests, 1000.0004), *format_text(requests, 1000.0014)]
    assert [message.rpartition(" ")[2] for _, message in lines] == ["10", "11", "0"] * 2
    assert [mark for mark, _ in lines] == [local_timestamp(1007.0004)] * 3 + [local_timestamp(1007.0014)] * 3
    assert local_timestamp(1007.0004) != local_timestamp(1007.0014)


def test_json_has_the_parts_by_name() -> None:
    ((line,),) = format_json([(CLIENT, "GET", b'/a"b%', "1.0", 404, 1.0, 1.0035)], 0.5)
    entry = json.loads(line)
    assert entry == {
        "time": "1970-01-01T00:00:01.503Z",
        "severity": "INFO",
        "level": "INFO",
        "logger": "ACCESS_LOG",
        "thread": "main",
        "message": '/127.0.0.1:60238 "GET /a"b% HTTP/1.0" 404 3',
        "client": "127.0.0.1",
        "method": "GET",
        "target": '/a"b%',
        "http_version": "1.0",
        "status": 404,
        "milliseconds": 3,
    }


@pytest.mark.parametrize(("client", "shown"), [(None, "-"), (("::1", 5), "/[::1]:5"), (("10.0.0.1", 5), "/10.0.0.1:5")])
def test_clients_are_shown_as_java_shows_them(client: tuple[str, int] | None, shown: str) -> None:
    ((_, message),) = format_text([(client, "GET", b"/", "1.1", 200, 0.0, 0.001)], 0.0)
    assert message == f'{shown} "GET / HTTP/1.1" 200 1'


@pytest.mark.parametrize("length", [1, MAX_CACHED_TARGET_BYTES, MAX_CACHED_TARGET_BYTES + 1, 60_000])
def test_targets_of_any_length_are_shown_whole(length: int) -> None:
    requests: list[Request] = [(CLIENT, "GET", b"/" * length, "1.1", status, 0.0, 0.002) for status in (200, 404, 200)]
    shown = [message.partition(" ")[2] for _, message in format_text(requests, 0.0)]
    assert shown == [f'"GET {"/" * length} HTTP/1.1" {status} 2' for status in (200, 404, 200)]


def targets(requests: Sequence[Request], clock: float) -> list[tuple[str, ...]]:
    """A form that shows target and status alone."""
    return [(target.decode(), str(status)) for _, _, target, _, status, _, _ in requests]


def test_lines_wait_for_a_flush_and_are_written_once_in_order_to_every_output() -> None:
    first, second = Output(" "), Output("|")
    log = AccessLog([first.pair, second.pair], targets)
    record(log, b"/a")
    record(log, b"/b", 404)
    assert repr(log) == "<AccessLog 2 pending>"
    assert (first.lines(), second.lines()) == ([], [])
    log.flush()
    log.flush()
    assert (first.lines(), second.lines()) == (["/a 200", "/b 404"], ["/a|200", "/b|404"])


def test_the_first_line_that_waits_asks_for_a_flush() -> None:
    flushes: list[int] = []
    log = AccessLog([], format_text)
    log.on_pending = lambda: flushes.append(1)
    for _ in range(2):
        record(log, b"/")
        record(log, b"/")
        log.flush()
    assert len(flushes) == 2


@pytest.mark.parametrize("timer", [True, False])
def test_many_lines_are_written_at_once_without_waiting_for_the_timer(timer: bool) -> None:
    output, flushes = Output(" "), list[int]()
    log = AccessLog([output.pair], targets)
    log.on_pending = (lambda: flushes.append(1)) if timer else None
    expected = [f"/{number} 200" for number in range(2 * MAX_PENDING_REQUESTS + 1)]
    for number in range(MAX_PENDING_REQUESTS - 1):
        record(log, b"/%d" % number)
    assert output.lines() == []
    record(log, b"/%d" % (MAX_PENDING_REQUESTS - 1))
    assert output.lines() == expected[:MAX_PENDING_REQUESTS]
    for number in range(MAX_PENDING_REQUESTS, len(expected)):
        record(log, b"/%d" % number)
    assert output.lines() == expected[: 2 * MAX_PENDING_REQUESTS]
    assert len(flushes) == (3 if timer else 0)  # each first line that waits asks
    log.flush()
    assert output.lines() == expected
