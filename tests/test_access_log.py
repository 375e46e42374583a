"""The access log."""

import io
import json
import logging
import re

import pytest

from app.logs.access_log import CONSOLE, FILE, MOST, AccessLog, Request, json_form, text_form

CLIENT = ("127.0.0.1", 60238)
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d,\d{3}"


class Output:
    """One output of an access log, and what was written to it."""

    def __init__(self, between: str) -> None:
        self.stream = io.StringIO()
        self.pair = (logging.StreamHandler(self.stream), between)

    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()


def test_a_line_is_as_torchserve_writes_it() -> None:
    output = Output(FILE)
    log = AccessLog([output.pair], text_form)
    log.write(CLIENT, "POST", "/predictions/ver?a=%20b&c=1", "1.1", 200, 10)
    log.flush()
    (line,) = output.lines()
    assert re.fullmatch(TIME + r' - /127\.0\.0\.1:60238 "POST /predictions/ver\?a=%20b&c=1 HTTP/1\.1" 200 10', line)


def test_the_console_gets_the_same_among_its_other_lines() -> None:
    output = Output(CONSOLE)
    log = AccessLog([output.pair], text_form)
    log.write(CLIENT, "GET", "/ping", "1.1", 200, 0)
    log.flush()
    (line,) = output.lines()
    assert re.fullmatch(TIME + r' \[INFO \] main ACCESS_LOG - /127\.0\.0\.1:60238 "GET /ping HTTP/1\.1" 200 0', line)


def test_json_has_the_parts_by_name() -> None:
    output = Output(CONSOLE)
    log = AccessLog([output.pair], json_form)
    log.write(CLIENT, "GET", '/a"b%', "1.0", 404, 3)
    log.flush()
    entry = json.loads(output.lines()[0])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry.pop("time"))
    assert entry == {
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
    _, message = text_form((0.0, client, "GET", "/", "1.1", 200, 1))
    assert message == f'{shown} "GET / HTTP/1.1" 200 1'


def test_lines_wait_for_a_flush_and_are_written_once_in_order_to_every_output() -> None:
    def form(request: Request) -> tuple[str, ...]:
        return request[3], str(request[5])

    first, second = Output(" "), Output("|")
    log = AccessLog([first.pair, second.pair], form)
    assert not log.pending
    log.write(CLIENT, "GET", "/a", "1.1", 200, 1)
    log.write(CLIENT, "GET", "/b", "1.1", 404, 1)
    assert log.pending
    assert repr(log) == "<AccessLog 2 waiting>"
    assert (first.lines(), second.lines()) == ([], [])
    log.flush()
    log.flush()
    assert not log.pending
    assert (first.lines(), second.lines()) == (["/a 200", "/b 404"], ["/a|200", "/b|404"])


def test_the_first_line_that_waits_asks_for_a_flush() -> None:
    asked: list[int] = []
    log = AccessLog([], text_form)
    log.soon = lambda: asked.append(1)
    for _ in range(2):
        log.write(CLIENT, "GET", "/", "1.1", 200, 1)
        log.write(CLIENT, "GET", "/", "1.1", 200, 1)
        log.flush()
    assert len(asked) == 2


@pytest.mark.parametrize("timer", [True, False])
def test_many_lines_are_written_at_once_without_waiting_for_the_timer(timer: bool) -> None:
    output, asked = Output(FILE), list[int]()
    log = AccessLog([output.pair], lambda request: (request[3],))
    log.soon = (lambda: asked.append(1)) if timer else None
    targets = [f"/{number}" for number in range(2 * MOST + 1)]
    for target in targets[: MOST - 1]:
        log.write(CLIENT, "GET", target, "1.1", 200, 1)
    assert (output.lines(), log.pending) == ([], True)
    log.write(CLIENT, "GET", targets[MOST - 1], "1.1", 200, 1)
    assert (output.lines(), log.pending) == (targets[:MOST], False)
    for target in targets[MOST:]:
        log.write(CLIENT, "GET", target, "1.1", 200, 1)
    assert (output.lines(), log.pending) == (targets[: 2 * MOST], True)
    assert len(asked) == (3 if timer else 0)  # each first line that waits asks
    log.flush()
    assert output.lines() == targets
