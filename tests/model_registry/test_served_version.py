"""The base of versions: workers that are asked for, started, stopped and counted as healthy."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from handler.errors import LoadFailed
from handler.job import Input, Job, JobOutcomes, Output
from model_registry.errors import NoWorker
from model_registry.served_version import ServedVersion
from model_registry.version import ModelVersion
from tests.conftest import MakeArchive
from tests.support.serving import serving

pytestmark = pytest.mark.anyio


@pytest.fixture
async def version(store: Path, archive: MakeArchive) -> AsyncIterator[ModelVersion]:
    """One worker of a handler that loads only while a file is there."""
    gate = store.parent / "gate"
    gate.touch()
    archive("m", f"open({str(gate)!r}).close()\ndef handle(data, context):\n    return data and ['ok' for _ in data]")
    async with serving(store, "m.mar") as client:
        version = client.application.registry.resolve("m")
        await asyncio.gather(*(asyncio.wrap_future(worker.loaded) for worker in version.pool.workers))
        yield version


async def test_a_version_scales_up_and_down_and_keeps_its_configuration(version: ServedVersion) -> None:
    await version.scale(2, 3)
    assert [worker.state for worker in version.pool.workers] == ["ready", "ready"]
    assert (version.config.min_workers, version.config.max_workers) == (2, 3)
    assert version.is_healthy
    assert not version.is_loading
    version.start_scaling(0, 5)
    assert not version.pool.workers
    assert version.is_healthy


async def test_a_worker_that_cannot_load_is_an_error_of_the_scaling(store: Path, version: ServedVersion) -> None:
    (store.parent / "gate").unlink()
    with pytest.raises(LoadFailed, match="gate"):
        await version.scale(2, 2)
    assert sum(worker.state == "ready" for worker in version.pool.workers) == 1  # the one before goes on


async def test_it_drains_before_it_closes(version: ModelVersion) -> None:
    assert await version.drain(1)
    with pytest.raises(NoWorker):
        await version.predict(Input(()), "id")
    await version.close(1)
    assert "closed" in repr(version)
    assert not version.is_busy


async def test_an_answer_that_is_there_before_its_request_is_submitted_waits_for_the_callback(
    version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive, arrived = version._pacer.receive, threading.Event()
    submit = version.batcher.submit

    def receive_and_say(outcomes: JobOutcomes) -> None:
        receive(outcomes)
        arrived.set()

    def submit_and_wait(job: Job) -> None:
        submit(job)
        assert arrived.wait(30)  # a worker may be so quick, and the event loop so slow

    for worker in version.pool.workers:
        monkeypatch.setattr(worker, "_deliver", receive_and_say)
    monkeypatch.setattr(version.batcher, "submit", submit_and_wait)
    version._check_hung()  # nothing is busy: the next request starts the timer again
    assert version._hang_timer is None
    answered: asyncio.Queue[object] = asyncio.Queue()
    version.submit(Input(()), "id").set_callback(answered.put_nowait)
    assert isinstance(await asyncio.wait_for(answered.get(), 30), Output)
