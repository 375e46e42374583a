"""The event loop waits for quick workers, and never for others."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from handler.batching.autotuner import HISTORY_BLOCKS, SETTLING_BLOCKS, Autotuner
from handler.batching.batcher import Batch, Batcher, Consumer
from handler.batching.gather_policy import HISTORY_BATCHES
from handler.batching.loop_pacing import QUICK_BATCH_SECONDS, LoopPacer, no_pacing, pacing_autotuner
from handler.errors import PredictionFailed
from handler.job import Input, Job, JobOutcomes, Output, StreamChunk

pytestmark = pytest.mark.anyio
LONG = 30.0
Work = Callable[[Batch], None]


def block_until(condition: Callable[[], bool]) -> None:
    """Keep the loop busy meanwhile."""
    deadline = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def instantly(batch: Batch) -> None:
    """Work that takes no time."""


class Bench:
    """A batcher with workers, paced with the running loop."""

    def __init__(self, autotuner: Autotuner[bool], capacity: int = 100) -> None:
        self.batcher = Batcher(4, 0, capacity)
        self.pacer = LoopPacer(asyncio.get_running_loop(), self.batcher, self._deliver, autotuner)
        self.delivered: list[list[str]] = []
        self.changed = asyncio.Event()
        self.served = 0

    def _deliver(self, outcomes: JobOutcomes) -> None:
        self.delivered.append([job.request_id for job, _ in outcomes])
        self.changed.set()

    @contextmanager
    def worker(self, work: Work = instantly) -> Iterator[None]:
        """A worker's thread, until it is stopped."""
        consumer = Consumer()
        thread = threading.Thread(target=self._serve, args=(consumer, work))
        thread.start()
        try:
            yield
        finally:
            consumer.stopping = True
            self.batcher.wake_workers()
            thread.join()

    def _serve(self, consumer: Consumer, work: Work) -> None:
        while batch := self.batcher.take(consumer):
            work(batch)
            if self.batcher.finish(batch):
                self.pacer.receive([(job, Output(b"")) for job in batch.jobs])
                self.served += len(batch.jobs)

    def submit(self, *names: str) -> None:
        """Jobs of these names, all in one iteration of the loop."""
        for name in names:
            self.pacer.submit(Job(Input(()), name))

    async def answered(self, count: int) -> None:
        """Wait until so many jobs have been answered."""
        async with asyncio.timeout(LONG):
            while sum(map(len, self.delivered)) < count:
                self.changed.clear()
                await self.changed.wait()

    async def warm_up(self) -> None:
        """Serve so many concurrent requests that the loop is paced if the autotuner chooses it."""
        for number in range(HISTORY_BATCHES):
            self.submit("a", "b")
            await self.answered(2 * (number + 1))
        self.delivered.clear()


@pytest.fixture
async def bench() -> Bench:
    """A loop that is always paced, once several requests are in flight."""
    bench = Bench(Autotuner((True,)))
    with bench.worker():
        await bench.warm_up()
    return bench


async def test_the_loop_delivers_all_outcomes_at_once(bench: Bench) -> None:
    with bench.worker():
        bench.submit(*"abcdef")
        assert not bench.delivered
        await asyncio.sleep(0)  # the loop waits
        assert bench.delivered == [["a", "b", "c", "d"], ["e", "f"]]


async def test_no_worker_is_woken_before_the_loop_waits(bench: Bench) -> None:
    taken = threading.Event()
    with bench.worker(lambda batch: taken.set()):
        bench.submit("a")
        assert not taken.wait(0.05)
        await bench.answered(1)


async def test_one_worker_serves_while_the_loop_waits(bench: Bench) -> None:
    threads = set[int]()

    def record_thread(batch: Batch) -> None:
        threads.add(threading.get_ident())

    with bench.worker(record_thread), bench.worker(record_thread):
        bench.submit(*"abcdefghijkl")
        await bench.answered(12)
    assert len(threads) == 1


async def test_a_worker_that_hangs_is_not_waited_for(bench: Bench) -> None:
    go, hanging = threading.Event(), threading.Event()

    def hang(batch: Batch) -> None:
        if batch.jobs[0].request_id == "slow":
            hanging.set()
            go.wait(LONG)

    with bench.worker(hang), bench.worker(hang):
        bench.submit("slow")
        await asyncio.sleep(0)  # the wait ends, although the worker does not
        assert hanging.is_set()
        assert not bench.delivered
        bench.submit("quick")
        await bench.answered(1)
        assert bench.delivered == [["quick"]]
        go.set()
        await bench.answered(2)


async def test_jobs_behind_a_hanging_worker_are_taken_by_another(bench: Bench) -> None:
    go = threading.Event()

    def hang(batch: Batch) -> None:
        if batch.jobs[0].request_id == "a":
            go.wait(LONG)

    with bench.worker(hang), bench.worker(hang):
        bench.submit(*"abcdefgh")
        await bench.answered(4)
        assert bench.delivered == [["e", "f", "g", "h"]]
        go.set()
        await bench.answered(8)


async def test_a_queue_that_fills_is_served_before_the_loop_waits() -> None:
    bench = Bench(Autotuner((True,)), capacity=4)
    with bench.worker():
        await bench.warm_up()
        assert bench.batcher.deferred
        bench.submit(*"abc")  # more than half of what it holds
        block_until(lambda: not len(bench.batcher))
        bench.submit(*"def")
        await bench.answered(6)


async def test_jobs_without_a_worker_end_the_pacing(bench: Bench) -> None:
    bench.submit("a")
    await asyncio.sleep(0)
    assert not bench.batcher.deferred  # from now on the loop does not wait
    bench.submit(*"bcdefghij")
    with bench.worker():
        await bench.answered(10)


async def test_a_lone_client_is_served_without_pacing() -> None:
    bench = Bench(Autotuner((True,)))
    with bench.worker():
        for number in range(HISTORY_BATCHES):
            bench.submit("lone")
            await bench.answered(number + 1)
        assert not bench.batcher.deferred


async def test_requests_that_come_together_are_paced_though_each_was_served_before_the_next() -> None:
    bench = Bench(Autotuner((True,)))
    with bench.worker():
        for number in range(HISTORY_BATCHES):
            bench.submit("lone")
            await bench.answered(number + 1)
        for number in (1, 2):
            bench.submit("quick")
            block_until(lambda served=HISTORY_BATCHES + number: bench.served == served)  # type: ignore[misc]
        await bench.answered(HISTORY_BATCHES + 2)
        assert bench.batcher.expected_in_flight == 1
        assert bench.batcher.deferred


async def test_slow_batches_are_not_paced() -> None:
    bench = Bench(Autotuner((True,)))
    with bench.worker(lambda batch: time.sleep(2 * QUICK_BATCH_SECONDS)):
        await bench.warm_up()
        assert not bench.batcher.deferred


@pytest.mark.parametrize("made", [pacing_autotuner, no_pacing])
async def test_pacing_begins_with_a_trial_without_it(made: Callable[[], Autotuner[bool]]) -> None:
    bench = Bench(made())
    with bench.worker():
        await bench.warm_up()
        assert not bench.batcher.deferred


async def test_pacing_is_tried_under_load() -> None:
    bench, deferred = Bench(Autotuner((False, True))), set[bool]()
    with bench.worker():
        for number in range(HISTORY_BATCHES + SETTLING_BLOCKS + HISTORY_BLOCKS + 2):
            bench.submit("a", "b")
            await bench.answered(2 * (number + 1))
            deferred.add(bench.batcher.deferred)
    assert deferred == {False, True}


@pytest.mark.parametrize("step", ["_run_deferred", "_deliver_all"])
async def test_a_lost_call_of_the_loop_loses_no_job(bench: Bench, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with bench.worker():
        monkeypatch.setattr(bench.pacer, step, lambda: None)
        bench.submit("a")
        await asyncio.sleep(0.01)
        assert bench.delivered == []
        monkeypatch.undo()
        while not bench.delivered:  # as the hang check does
            bench.pacer.recover()
            await asyncio.sleep(0.001)
        bench.submit("b")
        await bench.answered(2)


async def test_a_delivery_that_fails_is_repeated_and_a_chunk_is_not(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = [(Job(Input(()), "a"), Output(b"")), (Job(Input(()), "b"), StreamChunk(Output(b"")))]
    received: list[JobOutcomes] = []

    def deliver(outcomes: JobOutcomes) -> None:
        received.append(outcomes)
        if len(received) == 1:
            raise MemoryError

    monkeypatch.setattr(bench.pacer, "_deliver", deliver)
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    bench.pacer.receive(outcomes)
    async with asyncio.timeout(LONG):
        while len(received) < 2:
            await asyncio.sleep(0.01)
    (_, first), (_, second) = received[1]
    assert first is outcomes[0][1]
    assert isinstance(second, PredictionFailed)
