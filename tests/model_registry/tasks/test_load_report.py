"""The log says that workers still load, and when they are ready."""

import asyncio
import gc
import logging
import re
from concurrent.futures import Future

import pytest

from model_registry.tasks import load_report
from model_registry.tasks.load_report import report_loading

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    monkeypatch.setattr(load_report, "FIRST_REPORT_SECONDS", 0.02)
    caplog.set_level(logging.INFO, "marserve.registry")
    return caplog


async def test_workers_that_load_are_reported_until_they_are_ready(log: pytest.LogCaptureFixture) -> None:
    loading: list[Future[None]] = [Future(), Future()]
    task = asyncio.create_task(report_loading("m", "1.0", loading))
    loading[0].set_result(None)
    while not any("still loads after" in message for message in log.messages):
        await asyncio.sleep(0)
    loading[1].set_result(None)
    await task
    assert log.messages[0].endswith(": 1 of 2 workers.")
    assert log.messages[-2] == "Model m loaded."
    assert re.fullmatch(r"Model m 1\.0 loaded in 0\.\d\d s: 2 worker\(s\)\.", log.messages[-1])


async def test_a_failed_load_is_not_reported_as_ready(log: pytest.LogCaptureFixture) -> None:
    failed: Future[None] = Future()
    failed.set_exception(ValueError("no weights"))
    await report_loading("m", "1.0", [failed])
    await report_loading("m", "1.0", [])
    assert log.messages == []


async def test_a_load_that_fails_after_its_report_was_cancelled_is_no_news() -> None:
    failing: Future[None] = Future()
    problems: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: problems.append(context))
    task = asyncio.create_task(report_loading("m", "1.0", [failing]))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    failing.set_exception(ValueError("killed"))
    await asyncio.sleep(0.01)
    del task
    gc.collect()
    assert problems == []
