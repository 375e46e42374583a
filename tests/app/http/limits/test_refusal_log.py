"""Refusals are counted, and logged together."""

import asyncio
import logging

import pytest

from app.http.limits import refusal_log
from app.http.limits.refusal_log import RefusalLog

pytestmark = pytest.mark.anyio


async def test_a_second_of_refusals_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    recorded: dict[str, int] = {}
    log = RefusalLog(recorded.__setitem__)
    for _ in range(1000):
        log.add("max_connections")
    log.add("send_timeout")
    assert recorded == {}
    assert repr(log) == "<RefusalLog {'max_connections': 1000, 'send_timeout': 1} not logged>"
    with caplog.at_level(logging.WARNING, "marserve.http"):
        log.flush()
        log.flush()
    assert recorded == {"max_connections": 1000, "send_timeout": 1}
    (line,) = caplog.messages
    assert line.startswith("Refused: 1000 connections beyond max_connections, 1 responses read more slowly")


async def test_the_line_comes_by_itself(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusal_log, "LOG_INTERVAL_SECONDS", 0.01)
    recorded: list[str] = []
    event = asyncio.Event()
    log = RefusalLog(lambda reason, count: (recorded.append(reason), event.set()))
    log.add("max_pipelined")
    await asyncio.wait_for(event.wait(), 30)
    assert recorded == ["max_pipelined"]
