"""The event loop of a worker: tasks start, are cancelled, and end with it."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from handler.errors import PredictionFailed
from handler.workers.coroutines.request_loop import RequestLoop


class Answers:
    """Answers with a function of its own."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    async def answer(self, jobs: Sequence[Any], deliver: Any) -> Any:
        """The outcomes."""
        return await self._answer()


@pytest.fixture
def finished() -> list[Any]:
    """The numbers and outcomes of batches that are finished."""
    return []


@pytest.fixture
def loop(finished: list[Any]) -> Iterator[RequestLoop]:
    """A loop that stops with the second batch that it finishes."""

    def finish(number: int, outcomes: Any) -> None:
        finished.append((number, outcomes))
        if len(finished) == 2:
            loop.stop()

    loop = RequestLoop(finish)
    yield loop
    loop.close()


def test_batches_finish_in_any_order(loop: RequestLoop, finished: list[Any]) -> None:
    second = asyncio.Event()

    async def wait() -> list[str]:
        await second.wait()
        return ["first"]

    async def release() -> list[str]:
        second.set()
        return ["second"]

    loop.start(1, Answers(wait), [None], print)
    loop.start(2, Answers(release), [None], print)
    loop.run()
    assert finished == [(2, ["second"]), (1, ["first"])]


def test_a_cancelled_batch_counts_as_finished_and_its_task_ends(loop: RequestLoop, finished: list[Any]) -> None:
    events: list[str] = []

    async def wait() -> list[str]:
        loop.cancel(1)
        loop.cancel(7)
        loop.start(2, Answers(last), [None], print)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            events.append("cleaned up")
        return []

    async def last() -> list[str]:
        return ["last"]

    loop.start(1, Answers(wait), [None], print)
    loop.run()
    loop.close()
    assert finished == [(1, ()), (2, ["last"])]
    assert events == ["cleaned up"]


def test_an_exit_ends_the_loop(loop: RequestLoop, finished: list[Any]) -> None:
    async def exit_process() -> list[str]:
        raise SystemExit(3)

    loop.start(1, Answers(exit_process), [None], print)
    with pytest.raises(SystemExit):
        loop.run()
    assert finished == []


def test_a_task_that_is_cancelled_by_its_own_code_has_failed(loop: RequestLoop, finished: list[Any]) -> None:
    async def give_up() -> list[str]:
        raise asyncio.CancelledError

    loop.start(1, Answers(give_up), [None, None], print)
    loop.start(2, Answers(give_up), [None], print)
    loop.run()
    assert [[type(outcome) for outcome in outcomes] for _, outcomes in finished] == [
        [PredictionFailed] * 2,
        [PredictionFailed],
    ]


def test_calls_after_the_end_do_nothing(loop: RequestLoop) -> None:
    loop.close()
    loop.cancel(1)
    loop.stop()
    loop.close()
