"""Event loop and workers in turns: what the loop waits for, and what it no_pacing waits for."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from handler.batching.autotuner import RETRIAL_BATCHES, Autotuner
from handler.batching.batcher import Batch, Batcher, Consumer
from handler.batching.gather_policy import HISTORY_BATCHES
from handler.batching.loop_pacing import QUICK_BATCH_SECONDS, LoopPacer, no_pacing, pacing_autotuner
from handler.job import Input, Job, JobOutcomes, Output

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
    """A batcher with workers, and the turns between them and the running loop."""

    def __init__(self, contest: Autotuner[bool], capacity: int = 100) -> None:
        self.batcher = Batcher(4, 0, capacity)
        self.turns = LoopPacer(asyncio.get_running_loop(), self.batcher, self._settle, contest)
        self.settled: list[list[str]] = []
        self.changed = asyncio.Event()

    def _settle(self, answers: JobOutcomes) -> None:
        self.settled.append([job.request_id for job, _ in answers])
        self.changed.set()

    @contextmanager
    def worker(self, work: Work = instantly) -> Iterator[None]:
        """A worker's thread, until it is told to leave."""
        taker = Consumer()
        thread = threading.Thread(target=self._serve, args=(taker, work))
        thread.start()
        try:
            yield
        finally:
            taker.stopping = True
            self.batcher.wake_workers()
            thread.join()

    def _serve(self, taker: Consumer, work: Work) -> None:
        while batch := self.batcher.take(taker):
            work(batch)
            if self.batcher.finish(batch):
                self.turns.receive([(job, Output(b"")) for job in batch.jobs])

    def submit(self, *names: str) -> None:
        """Jobs of these names, all in one turn of the loop."""
        for name in names:
            self.turns.submit(Job(Input(()), name))

    async def answered(self, count: int) -> None:
        """Wait until so many jobs have been answered."""
        async with asyncio.timeout(LONG):
            while sum(map(len, self.settled)) < count:
                self.changed.clear()
                await self.changed.wait()

    async def accustom(self) -> None:
        """Serve so many batches of company that turns are taken if the contest wants it."""
        for number in range(HISTORY_BATCHES):
            self.submit("a", "b")
            await self.answered(2 * (number + 1))
        self.settled.clear()


@pytest.fixture
async def bench() -> Bench:
    """LoopPacer that are always taken, once there is company."""
    bench = Bench(Autotuner((True,)))
    with bench.worker():
        await bench.accustom()
    return bench


async def test_a_turn_answers_all_that_had_come(bench: Bench) -> None:
    with bench.worker():
        bench.submit(*"abcdef")
        assert not bench.settled
        await asyncio.sleep(0)  # the turn itself
        assert bench.settled == [["a", "b", "c", "d"], ["e", "f"]]


async def test_no_worker_is_woken_before_the_turn(bench: Bench) -> None:
    taken = threading.Event()
    with bench.worker(lambda batch: taken.set()):
        bench.submit("a")
        assert not taken.wait(0.05)
        await bench.answered(1)


async def test_in_a_turn_one_worker_does_it_all(bench: Bench) -> None:
    threads = set[int]()

    def note(batch: Batch) -> None:
        threads.add(threading.get_ident())

    with bench.worker(note), bench.worker(note):
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
        await asyncio.sleep(0)  # the turn: it ends, although the worker does not
        assert hanging.is_set()
        assert not bench.settled
        bench.submit("quick")
        await bench.answered(1)
        assert bench.settled == [["quick"]]
        go.set()
        await bench.answered(2)


async def test_what_a_hanging_worker_has_left_is_taken_by_another(bench: Bench) -> None:
    go = threading.Event()

    def hang(batch: Batch) -> None:
        if batch.jobs[0].request_id == "a":
            go.wait(LONG)

    with bench.worker(hang), bench.worker(hang):
        bench.submit(*"abcdefgh")
        await bench.answered(4)
        assert bench.settled == [["e", "f", "g", "h"]]
        go.set()
        await bench.answered(8)


async def test_a_queue_that_fills_is_worked_off_before_the_turn() -> None:
    bench = Bench(Autotuner((True,)), capacity=4)
    with bench.worker():
        await bench.accustom()
        assert bench.batcher.deferred
        bench.submit(*"abc")  # more than half of what it holds
        block_until(lambda: not len(bench.batcher))
        bench.submit(*"def")
        await bench.answered(6)


async def test_jobs_without_a_worker_hold_nobody_up(bench: Bench) -> None:
    bench.submit("a")
    await asyncio.sleep(0)
    assert not bench.batcher.deferred  # from now on the loop waits for nobody
    bench.submit(*"bcdefghij")
    with bench.worker():
        await bench.answered(10)


async def test_who_is_alone_is_served_without_turns() -> None:
    bench = Bench(Autotuner((True,)))
    with bench.worker():
        for number in range(HISTORY_BATCHES):
            bench.submit("lone")
            await bench.answered(number + 1)
        assert not bench.batcher.deferred


async def test_slow_batches_take_no_turns() -> None:
    bench = Bench(Autotuner((True,)))
    with bench.worker(lambda batch: time.sleep(2 * QUICK_BATCH_SECONDS)):
        await bench.accustom()
        assert not bench.batcher.deferred


@pytest.mark.parametrize("made", [pacing_autotuner, no_pacing])
async def test_nobody_takes_turns_before_they_were_tried(made: Callable[[], Autotuner[bool]]) -> None:
    bench = Bench(made())
    with bench.worker():
        await bench.accustom()
        assert not bench.batcher.deferred


async def test_turns_are_tried_in_company() -> None:
    bench, held = Bench(Autotuner((False, True), trial_seconds=0)), set[bool]()
    with bench.worker():
        for number in range(RETRIAL_BATCHES):
            bench.submit("a", "b")
            await bench.answered(2 * (number + 1))
            held.add(bench.batcher.deferred)
    assert held == {False, True}
