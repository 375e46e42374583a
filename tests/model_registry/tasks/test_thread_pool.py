"""Blocking calls: a bounded number runs, a bounded number waits, the rest is refused."""

import asyncio
import threading

import pytest

from model_registry.tasks.thread_pool import PoolFull, ThreadPool

pytestmark = pytest.mark.anyio


async def test_the_caller_gets_the_result_or_the_error() -> None:
    pool = ThreadPool("pool", 1, 0)
    assert await pool.run(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await pool.run(divmod, 7, 0)
    with pytest.raises(SystemExit):
        await pool.run(exit)


async def test_more_calls_wait_and_still_more_are_refused() -> None:
    pool, go_on, running = ThreadPool("pool", 2, 1), threading.Event(), []
    calls = [asyncio.create_task(pool.run(lambda: (running.append(1), go_on.wait(30)))) for _ in range(3)]
    while len(running) < 2:
        await asyncio.sleep(0.001)
    assert repr(pool) == "<ThreadPool pool of 2, 1 waiting>"
    with pytest.raises(PoolFull):
        await pool.run(len, "")
    go_on.set()
    await asyncio.gather(*calls)
    assert len(running) == 3
    assert await pool.run(len, "") == 0


async def test_a_call_counts_until_its_thread_ends() -> None:
    pool, go_on, started = ThreadPool("pool", 1, 1), threading.Event(), threading.Event()
    first = asyncio.create_task(pool.run(lambda: (started.set(), go_on.wait(30))))
    while not started.is_set():
        await asyncio.sleep(0.001)
    first.cancel()
    await asyncio.wait({first})
    second = asyncio.create_task(pool.run(len, "second"))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait({second})
    third = asyncio.create_task(pool.run(len, "third"))
    await asyncio.sleep(0)
    assert not third.done()
    go_on.set()
    assert await third == 5


async def test_a_thread_that_cannot_start_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    pool = ThreadPool("pool", 1, 0)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="start new thread"):
            await pool.run(len, "")
    assert await pool.run(len, "") == 0
