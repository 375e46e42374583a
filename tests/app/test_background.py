"""The background work of a server."""

import asyncio
import threading
from pathlib import Path
from time import perf_counter

import pytest

from app import background
from tests.support.serving import serving

pytestmark = pytest.mark.anyio


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "FLUSH_DELAY_SECONDS", 0)


@pytest.mark.usefixtures("at_once")
async def test_lines_of_the_access_log_are_written_in_a_moment(store: Path, tmp_path: Path) -> None:
    async with serving(store, log_location=tmp_path) as client:
        client.application.logs.access.write(None, "GET", b"/mine", "1.1", 200, perf_counter())
        while "/mine" not in (tmp_path / "access_log.log").read_text():
            await asyncio.sleep(0)


@pytest.mark.usefixtures("at_once")
async def test_lines_of_metrics_come_from_any_thread(store: Path, tmp_path: Path) -> None:
    async with serving(store, metrics_mode="log", metrics_location=tmp_path, disable_system_metrics="true") as client:
        on_pending = client.application.metrics.log.on_pending
        assert on_pending is not None
        client.application.metrics.record_status(200)
        thread = threading.Thread(target=on_pending)
        thread.start()
        thread.join()
        while "Requests2XX" not in (tmp_path / "ts_metrics.log").read_text():
            await asyncio.sleep(0)


async def test_the_hosts_gauges_are_lines_in_log_mode(store: Path, tmp_path: Path) -> None:
    async with serving(store, metrics_mode="log", metrics_location=tmp_path):
        pass
    assert "MemoryAvailable.Megabytes" in (tmp_path / "ts_metrics.log").read_text()


async def test_where_they_are_not_wanted_nobody_reads_them(store: Path, tmp_path: Path) -> None:
    async with serving(store, metrics_mode="log", metrics_location=tmp_path, disable_system_metrics="true"):
        pass
    assert "MemoryAvailable" not in (tmp_path / "ts_metrics.log").read_text()
