"""Work that goes on when the caller that awaits it is cancelled."""

import asyncio

import pytest

from model_registry.tasks.shielded_tasks import ShieldedTasks

pytestmark = pytest.mark.anyio


async def test_the_caller_gets_the_result_or_the_error() -> None:
    async def fail() -> None:
        raise ValueError("within")

    tasks = ShieldedTasks()
    assert await tasks.run(asyncio.sleep(0, "result")) == "result"
    with pytest.raises(ValueError, match="within"):
        await tasks.run(fail())
    assert repr(tasks) == "<ShieldedTasks 0 running>"


async def test_work_goes_on_without_its_caller() -> None:
    tasks, started, go_on, done = ShieldedTasks(), asyncio.Event(), asyncio.Event(), []

    async def work() -> None:
        started.set()
        await go_on.wait()
        done.append(True)

    caller = asyncio.create_task(tasks.run(work()))
    await started.wait()
    caller.cancel()
    await asyncio.wait({caller})
    assert caller.cancelled()
    go_on.set()
    await tasks.wait()
    assert done


async def test_the_owner_can_cancel() -> None:
    tasks = ShieldedTasks()
    caller = asyncio.create_task(tasks.run(asyncio.Event().wait()))
    await asyncio.sleep(0)
    tasks.cancel()
    await tasks.wait()
    with pytest.raises(asyncio.CancelledError):
        await caller
