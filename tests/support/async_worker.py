"""Workers of coroutines for tests: started on a thread or in a process, stopped afterwards."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from handler.workers.asynchronous.worker import AsyncWorker
from tests.support.one_version import WAIT_SECONDS, WorkerFixture

HOLDS = """
    import asyncio, json, os, pathlib
    from ts.handler_utils.utils import send_intermediate_predict_response

    class Handler:
        async def initialize(self, context):
            self.loop, self.events, self.cancelled = asyncio.get_running_loop(), {}, []

        async def handle(self, data, context):
            assert asyncio.get_running_loop() is self.loop
            kind, _, word = data[0]["body"].partition(" ")
            return await getattr(self, kind)(word, data, context)

        async def echo(self, word, data, context):
            return [row["body"] for row in data]

        async def wait(self, word, data, context):
            send_intermediate_predict_response(["waiting"], context.request_ids, "", 200, context)
            try:
                await self.events.setdefault(word, asyncio.Event()).wait()
            except asyncio.CancelledError:
                self.cancelled.append(word)
                raise
            return [word]

        async def linger(self, word, data, context):
            send_intermediate_predict_response(["lingering"], context.request_ids, "", 200, context)
            await asyncio.sleep(0.1)
            return [word]

        async def release(self, word, data, context):
            self.events.setdefault(word, asyncio.Event()).set()
            return ["released"]

        async def ended(self, word, data, context):
            return [json.dumps(self.cancelled)]

        async def fail(self, word, data, context):
            raise {"value": ValueError, "cancelled": asyncio.CancelledError, "exit": SystemExit}[word]

        async def block(self, word, data, context):
            while not pathlib.Path(word).exists():
                pass

        async def pieces(self, word, data, context):
            return self.generate(int(word))

        async def generate(self, count):
            for number in range(count):
                yield [f"piece {number}"]
"""
Make = Callable[..., tuple[WorkerFixture, AsyncWorker]]


@contextmanager
def async_workers(folder: Path, *, in_process: bool) -> Iterator[Make]:
    """Makes loaded workers of a handler's source."""
    workers: list[AsyncWorker] = []

    def make(handler: str = HOLDS, ended: Any = lambda worker: None) -> tuple[WorkerFixture, AsyncWorker]:
        fixture = WorkerFixture(folder / str(len(workers)), handler, asynchronous=True)
        fixture.batcher.batch_size = 1
        spec = fixture.spec(in_process=in_process)
        worker = AsyncWorker(spec, fixture.batcher, fixture.metrics, fixture.deliver, ended)
        workers.append(worker)
        worker.start()
        worker.loaded.result(WAIT_SECONDS)
        return fixture, worker

    yield make
    for worker in workers:
        worker.stop()
        worker.join_or_abandon(WAIT_SECONDS)
