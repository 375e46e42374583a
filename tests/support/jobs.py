"""Jobs for a batcher, and the states that a test waits for."""

import time
from collections.abc import Callable

from handler.batching.batcher import Batch, Batcher
from handler.job import Input, Job

LONG = 30.0
"""Seconds that a test would wait only if something were wrong."""


def job(name: str = "job", *, exclusive: bool = False) -> Job:
    """A job without parts."""
    return Job(Input(()), name, exclusive=exclusive)


def names(batch: Batch | None) -> list[str]:
    """The request ids of a batch."""
    assert batch is not None
    return [taken.request_id for taken in batch.jobs]


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def sleeping(batcher: Batcher, count: int) -> Callable[[], bool]:
    """A check that so many workers wait for jobs."""
    return lambda: batcher._idle_count == count


def gathering(batcher: Batcher) -> Callable[[], bool]:
    """A check that a worker gathers a batch."""
    return lambda: batcher._gather_target > 0
