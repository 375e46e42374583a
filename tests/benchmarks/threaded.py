"""The limit of a batching server in one Python process: an ASGI application under uvicorn, and one thread that calls an
archive's handler with all that waits.

`python -m tests.benchmarks.threaded PORT ARCHIVE`. It knows one URL, and has no limits, errors, headers, metrics
or logs. A lone client of marserve can hardly be served faster than one of this.
"""

import asyncio
import queue
import sys
import tempfile
import threading
import warnings
from pathlib import Path
from typing import Any

import uvicorn

from tests.benchmarks.bare import Call, Unpacked
from tests.benchmarks.jobs import Body

Waiting = tuple[Body, asyncio.Future[bytes]]


class Batches:
    """Takes bodies on the event loop, and calls the handler on a thread of its own."""

    def __init__(self, call: Call, batch_size: int) -> None:
        self._call, self._batch_size = call, batch_size
        self._waiting: queue.SimpleQueue[Waiting] = queue.SimpleQueue()
        threading.Thread(target=self._serve, daemon=True).start()

    async def answer(self, body: Body) -> bytes:
        """The answer of the handler."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.put((body, future))
        return await future

    def _serve(self) -> None:
        while batch := [self._waiting.get()]:
            while len(batch) < self._batch_size and not self._waiting.empty():
                batch.append(self._waiting.get())
            answers = self._call([body for body, _ in batch])
            batch[0][1].get_loop().call_soon_threadsafe(_deliver, batch, answers)


def _deliver(batch: list[Waiting], answers: list[bytes]) -> None:
    for (_, future), answer in zip(batch, answers, strict=True):
        if not future.done():
            future.set_result(answer)


def application(batches: Batches) -> Any:
    """The ASGI application."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        kind = next(value for name, value in scope["headers"] if name == b"content-type")
        found = await batches.answer(Body(kind.decode(), body))
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(found))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": found})

    return answer


def main() -> None:
    """Serve until a signal."""
    port, archive = int(sys.argv[1]), Path(sys.argv[2])
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        unpacked = Unpacked(archive, Path(folder))
        batch_size = unpacked.config["batchSize"]
        batches = Batches(unpacked.handler(batch_size), batch_size)
        uvicorn.run(
            application(batches), host="127.0.0.1", port=port,
            loop="uvloop", http="httptools", lifespan="off", access_log=False, log_level="error",
        )  # fmt: skip


if __name__ == "__main__":
    main()
