"""A version of a model: it answers what it accepts, replaces its workers, and ends in time."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from handler.errors import WorkerDied
from handler.job import Input, Output, Part
from model_registry.errors import NoWorker
from model_registry.version import ModelVersion
from tests.conftest import MakeArchive
from tests.support.serving import serving

pytestmark = pytest.mark.anyio
HANDLER = """
    import pathlib, sys, time
    def handle(data, context):
        for row in data or ():
            kind, _, gate = row["body"].partition(" ")
            if kind == "exit":
                sys.exit(1)
            while kind == "wait" and not pathlib.Path(gate).exists():
                time.sleep(0.01)
        return data and [row["body"] for row in data]
"""


def text(body: str) -> Input:
    return Input((Part("body", "text/plain", body.encode()),))


@pytest.fixture
async def version(store: Path, archive: MakeArchive) -> AsyncIterator[ModelVersion]:
    archive("m", HANDLER, config="jobQueueSize: 1\nbatchSize: 1\n")
    async with serving(store, "m.mar", marserve_metrics="true") as client:
        yield client.application.registry.resolve("m")


def failures(version: ModelVersion) -> list[str]:
    """The failures that are counted."""
    lines = version.metrics._metrics.expose(["marserve_failures_total"]).decode().splitlines()
    return [line.partition('reason="')[2] for line in lines if not line.startswith("#")]


async def test_a_request_is_answered(version: ModelVersion) -> None:
    assert await version.predict(text("hello"), "id") == Output(b"hello")


async def test_a_worker_that_dies_is_replaced_and_its_request_answered(version: ModelVersion) -> None:
    with pytest.raises(WorkerDied):
        await version.predict(text("exit"), "id")
    assert await version.predict(text("hello"), "id") == Output(b"hello")
    assert version.is_healthy
    assert failures(version) == ['WorkerDied",} 1.0']


async def test_more_requests_than_the_queue_holds_are_refused_and_counted(
    version: ModelVersion, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    running = version.submit(text(f"wait {gate}"), "running")
    while version.pool.workers[0].batch is None:
        await asyncio.sleep(0.001)
    queued = version.submit(text("queued"), "queued")
    with pytest.raises(NoWorker):
        version.submit(text("refused"), "refused")
    assert isinstance(version.early_refusal(), NoWorker)
    gate.touch()
    assert await queued.future == Output(b"queued")
    assert isinstance(await running.future, Output)
    assert version.early_refusal() is None
    assert failures(version) == ['QueueFull",} 2.0']


async def test_without_workers_waiting_requests_are_refused(version: ModelVersion, tmp_path: Path) -> None:
    running = version.submit(text(f"wait {tmp_path / 'gate'}"), "running")
    while version.pool.workers[0].batch is None:
        await asyncio.sleep(0.001)
    queued = version.submit(text("queued"), "queued")
    await version.scale(0, 0)
    with pytest.raises(NoWorker):
        await queued.future
    with pytest.raises(NoWorker):
        version.submit(text("late"), "late")
    (tmp_path / "gate").touch()
    assert isinstance(await running.future, Output)


async def test_scaling_stops_those_above_the_maximum_and_starts_those_below_the_minimum(version: ModelVersion) -> None:
    """TorchServe had these numbers of workers after the same calls, over HTTP and over gRPC."""
    calls = [
        (4, 4, 4),
        (2, 4, 4),
        (1, 1, 1),
        (3, 3, 3),
        (1, 2, 2),
        (0, 2, 0),
        (1, 3, 1),
        (2, 5, 2),
        (1, 4, 2),
        (0, 5, 0),
    ]
    for min_workers, max_workers, size in calls:
        await version.scale(min_workers, max_workers)
        assert (len(version.pool.workers), version.config.min_workers, version.config.max_workers) == (
            size, min_workers, max_workers,
        )  # fmt: skip


async def test_what_it_has_accepted_is_answered_before_it_closes(version: ModelVersion) -> None:
    replies = [version.submit(text(str(number)), str(number)) for number in range(1)]
    await version.close(30)
    assert [await reply.future for reply in replies] == [Output(b"0")]
    assert not version.archive.folder.exists()
    assert repr(version).startswith("<ModelVersion m 1.0 <Batcher 0 queued, 0 running, closed>")


async def test_a_request_that_outlasts_the_drain_is_answered_with_the_end_of_its_worker(
    version: ModelVersion, tmp_path: Path
) -> None:
    running = version.submit(text(f"wait {tmp_path / 'gate'}"), "running")
    while version.pool.workers[0].batch is None:
        await asyncio.sleep(0.001)
    assert not await version.drain(0.01)
    await version.close(0)
    with pytest.raises(WorkerDied):
        await running.future
    (tmp_path / "gate").touch()
