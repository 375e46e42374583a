"""The stages of one request of a lone client, in microseconds.

Run `python -m tests.benchmarks.hot_path`. The server runs in this process with its functions wrapped, the client in
another, so that the two share no interpreter; the cost of the wrapping is reported, too.
"""

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import uvloop

from app.api.fast_path import PredictionFastPath
from app.application import create_apps
from app.http.protocol import TorchServeProtocol
from app.lifespan import running
from app.model_server import ModelServer
from app.server import Server
from app.settings.model import Settings
from app.settings.types import InitialModel, ListenAddress
from handler.batching.batcher import Batcher
from handler.batching.loop_pacing import LoopPacer
from handler.metrics.server_metrics import Metrics
from model_registry.version import ModelVersion
from tests.benchmarks.jobs import JOBS, Serving
from tests.benchmarks.silence import silence
from tests.benchmarks.tables import parser, publish
from tests.support.free_ports import free_port

STAGES = {
    "received": "",
    "parsed": "HTTP is parsed, the call is made",
    "routed": "authorised, routed, its input and job made",
    "queued": "put into the queue, the worker's thread is woken",
    "taken": "the worker's thread runs, and takes a batch",
    "called": "rows and context are made",
    "returned": "the handler",
    "encoded": "the answer is encoded",
    "timed": "PredictionTime, TorchServe's metric of each batch",
    "delivered": "other metrics of the worker, the batch is finished",
    "settled": "the event loop wakes",
    "written": "metrics, the head of the answer, the write",
    "logged": "counted and logged",
}
"""Marks in the order in which a request passes them, and what happens before each."""
CLIENT = """
import socket, statistics, sys, time
port, count, request = int(sys.argv[1]), int(sys.argv[2]), sys.stdin.buffer.read()
connection, took = socket.create_connection(("127.0.0.1", port)), []
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
for _ in range(count):
    began = time.perf_counter()
    connection.sendall(request)
    assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    took.append(time.perf_counter() - began)
print(statistics.median(took) * 1e6)
"""


class Marks:
    """Records the time when the request passes each place; there is only one request at a time."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self._row: dict[str, float] = {}

    def before(self, mark: str, function: Callable[..., Any], *, first: bool = False) -> Callable[..., Any]:
        """Wrap the function to record its call; the first mark begins a request."""

        def marked(*arguments: Any, **options: Any) -> Any:
            if first:
                self._row = {}
            self._row[mark] = time.perf_counter()
            return function(*arguments, **options)

        return marked

    def after(self, mark: str, function: Callable[..., Any], *, last: bool = False) -> Callable[..., Any]:
        """Wrap the function to record its return; the last mark ends a request."""

        def marked(*arguments: Any, **options: Any) -> Any:
            result = function(*arguments, **options)
            self._row[mark] = time.perf_counter()
            if last:
                self.rows.append(self._row)
            return result

        return marked

    def stages(self) -> dict[str, float]:
        """Microseconds before each mark, as the median over the requests that have passed all."""
        names = list(STAGES)
        whole = [row for row in self.rows[len(self.rows) // 5 :] if row.keys() == STAGES.keys()]
        return {
            name: statistics.median(1e6 * (row[name] - row[before]) for row in whole)
            for before, name in pairwise(names)
        }


def wrap(marks: Marks) -> None:
    """Wrap the functions that a request passes, for the life of this process."""
    places = {
        (TorchServeProtocol, "buffer_updated"): lambda function: marks.before("received", function, first=True),
        (PredictionFastPath, "submit"): lambda function: marks.before("parsed", function),
        (Batcher, "submit"): lambda function: marks.before("routed", marks.after("queued", function)),
        (Batcher, "take"): lambda function: marks.after("taken", function),
        (Metrics, "emit"): lambda function: marks.before("encoded", marks.after("timed", function)),
        (LoopPacer, "receive"): lambda function: marks.before("delivered", function),
        (ModelVersion, "_deliver"): lambda function: marks.before("settled", function),
        (PredictionFastPath, "record"): lambda function: marks.before(
            "written", marks.after("logged", function, last=True)
        ),
    }
    for (owner, name), wrapped in places.items():
        setattr(owner, name, wrapped(getattr(owner, name)))


def wrap_handler(application: ModelServer, marks: Marks) -> None:
    """Wrap the handler of the model."""
    for version in application.registry.versions():
        for worker in version.pool.workers:
            service = worker._service
            while not hasattr(service, "_entry_point"):  # it lies in those that move it, and give it a thread
                service = service._service
            handle = marks.before("called", marks.after("returned", service._entry_point.handle))
            service._entry_point = replace(service._entry_point, handle=handle)


async def measure(job: str, count: int, marks: Marks | None) -> float:
    """Send `count` requests, one after the other; returns the median microseconds at the client."""
    with tempfile.TemporaryDirectory() as name:
        store = Path(name)
        JOBS[job].build(store, Serving())
        address = ListenAddress("http", "127.0.0.1", free_port())
        options: dict[str, Any] = dict.fromkeys(("inference_address", "management_address", "metrics_address"), address)
        models = (InitialModel(None, f"{job}.mar"),)
        settings = Settings(model_store=store, load_models=models, authorization="off", **options)
        async with running(settings) as application:
            await application.registry.started.wait()
            version = application.registry.resolve(job)
            await asyncio.gather(*(asyncio.wrap_future(worker.loaded) for worker in version.pool.workers))
            if marks is not None:
                wrap_handler(application, marks)
            return await _ask(application, address, job, count)


async def _ask(application: ModelServer, address: ListenAddress, job: str, count: int) -> float:
    server = Server(create_apps(application)[address], address, application)
    server.bind()
    async with anyio.create_task_group() as tasks:
        await tasks.start(server.serve_bound)
        microseconds = await _ask_server(address.port, job, count)
        application.shutdown_requested.set()
    return microseconds


async def _ask_server(port: int, job: str, count: int) -> float:
    body = JOBS[job].bodies()[0]
    head = f"POST /predictions/{job} HTTP/1.1\r\nHost: x\r\nContent-Type: {body.content_type}\r\nContent-Length: "
    request = f"{head}{len(body.value)}\r\n\r\n".encode() + body.value
    client = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CLIENT, str(port), str(count), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    output, _ = await client.communicate(request)
    return float(output)


def main() -> None:
    """Measure, and write the results."""
    options = parser("hot_path", __doc__)
    options.add_argument("--job", default="echo", choices=tuple(JOBS))
    options.add_argument("--requests", type=int, default=5000)
    chosen = options.parse_args()
    with silence():
        plain = uvloop.run(measure(chosen.job, chosen.requests, None))
        marks = Marks()
        wrap(marks)
        wrapped = uvloop.run(measure(chosen.job, chosen.requests, marks))
    stages = marks.stages()
    inside = sum(stages.values())
    rows: list[dict[str, Any]] = [{"what": STAGES[name], "us": took} for name, took in stages.items()]
    rows.append({"what": "in the server, all together", "us": inside})
    rows.append({"what": "the kernel, and the client", "us": wrapped - inside})
    rows.append({"what": "as the client sees it", "us": wrapped})
    notes = (
        f"A lone client's request to `{chosen.job}`, median of {chosen.requests}, in microseconds. "
        f"Without the wrapping the client sees {plain:.0f}."
    )
    publish("hot_path", chosen.out, rows, notes)


if __name__ == "__main__":
    main()
