"""Every accepted request is answered, or its connection closed, whatever fails between the batcher and the socket."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Literal
from unittest.mock import patch

import pytest

from handler.batching.autotuner import Autotuner
from handler.workers import pool
from tests.conftest import MakeArchive
from tests.support.raw_connections import Endpoint, RawConnection, opened
from tests.support.serving import Client, serving

pytestmark = pytest.mark.anyio
HANDLER = """
    import sys
    def handle(data, context):
        if data is None:
            return None
        if any(row["body"] == "exit" for row in data):
            sys.exit(1)
        return [row["body"] for row in data]
"""
CONTINUES = """
    def handle(data, context):
        if data is None:
            return None
        context.stopping_criteria = [lambda answer, is_last=not row: is_last for row in data]
        return ["x" for row in data]
"""
REQUEST = (
    b"POST /predictions/m HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\nts_request_sequence_id: a\r\n"
    b"content-length: 1\r\n\r\nx"
)
WAIT_SECONDS = 30
Moment = Literal["before", "after"]
STEPS = (
    "handler.batching.batcher:Batcher.submit", "handler.batching.batcher:Batcher.take",
    "handler.batching.batcher:Batcher._gather", "handler.batching.batcher:Batcher._missing_jobs",
    "handler.batching.batcher:Batcher._share", "handler.batching.batcher:Batcher._fill",
    "handler.batching.batcher:Batcher._wake_one", "handler.batching.batcher:Batcher.finish",
    "handler.batching.job_queue:FifoQueue.fill", "handler.batching.job_queue:FifoQueue.size_of",
    "handler.batching.gather_policy:GatherPolicy.record_in_flight",
    "handler.batching.gather_policy:GatherPolicy.record_batch",
    "handler.batching.gather_policy:GatherPolicy.record_gathering",
    "handler.batching.gather_policy:GatherPolicy.max_wait",
    "handler.batching.thread_governor:ThreadGovernor.choose", "handler.batching.thread_governor:ThreadGovernor.record",
    "handler.batching.autotuner:Autotuner.choose", "handler.batching.autotuner:Autotuner.record",
    "handler.batching.loop_pacing:LoopPacer.submit", "handler.batching.loop_pacing:LoopPacer.receive",
    "handler.batching.loop_pacing:LoopPacer._run_deferred", "handler.batching.loop_pacing:LoopPacer._block",
    "handler.batching.loop_pacing:LoopPacer._deliver_all", "handler.batching.loop_pacing:LoopPacer._record",
    "handler.workers.worker:Worker._serve_once", "handler.workers.worker:Worker._predict",
    "handler.workers.worker:Worker._answer_all", "handler.workers.worker:Worker._fail",
    "handler.workers.thread_service:ThreadService.predict", "handler.workers.thread_service:ThreadService.close",
    "handler.workers.service:Service.predict", "handler.workers.service:Service._start_batch",
    "handler.workers.service:Service._finish_batch", "handler.workers.service:Service._error_outcome",
    "handler.workers.service:Service._outcomes", "handler.workers.service:Service._output",
    "handler.workers.service:make_row", "handler.workers.service:checked_results", "handler.workers.service:encode",
    "handler.workers.batch_context:BatchContext.start_batch", "handler.workers.batch_context:BatchContext.output",
    "handler.workers.batch_context:BatchContext.end_batch",
    "handler.metrics.server_metrics:Metrics.emit", "handler.metrics.server_metrics:ModelMetrics.record_batch",
    "handler.metrics.server_metrics:ModelMetrics.record_predictions",
    "handler.workers.pool:WorkerPool.replace_worker", "handler.workers.pool:WorkerPool.abandon_hung",
    "handler.workers.pool:WorkerPool._start", "handler.workers.pool:WorkerPool._report",
    "model_registry.served_version:ServedVersion._deliver",
    "model_registry.served_version:ServedVersion._replace_worker",
    "model_registry.served_version:ServedVersion._check_hung", "model_registry.version:ModelVersion.submit",
    "model_registry.version:ModelVersion._record",
    "model_registry.reply:PendingReply.deliver", "model_registry.reply:PendingReply._set_outcome",
    "app.http.protocol:TorchServeProtocol._on_outcome", "app.http.protocol:TorchServeProtocol._finish",
    "app.http.protocol:TorchServeProtocol.write", "app.http.protocol:output_response",
    "app.http.protocol:render_response", "app.logging.files:Logs.model_line",
)  # fmt: skip
SEQUENCE_STEPS = (
    "handler.workers.worker:Worker._serve_continuously", "handler.workers.worker:Worker._predict",
    "handler.workers.continuous:ContinuousService._outcomes", "handler.batching.batcher:Batcher.continue_batch",
    "handler.batching.batcher:Batcher._fill", "handler.batching.sequence_batcher:SequenceBatcher.submit",
    "handler.batching.sequence_batcher:SequenceBatcher.take",
    "handler.batching.sequence_batcher:SequenceBatcher._dispatch",
    "handler.batching.sequence_batcher:SequenceBatcher._complete",
    "handler.batching.sequence_batcher:SequenceBatcher._enqueue",
    "handler.batching.sequence_batcher:SequenceBatcher.continue_batch",
    "handler.batching.sequence_batcher:SequenceBatcher.wake_workers",
    "handler.batching.sequence_batcher:SequenceBatcher._add_queue", "handler.batching.sequences:Sequences.admit",
    "handler.batching.sequences:Sequences.complete", "handler.batching.sequences:Sequences.dispatch",
    "handler.batching.sequences:Sequences.advance",
    "handler.batching.sequences:Sequences.assign_worker",
    "model_registry.sequence_routing:SequenceRouter.assign_sequence",
    "model_registry.sequence_routing:SequenceRouter.record_request",
    "model_registry.sequence_routing:SequenceRouter.record_answer", "model_registry.reply:PendingReply.deliver",
    "model_registry.reply:ResponseStream.put", "app.http.protocol:TorchServeProtocol.write",
    "app.http.protocol:render_chunk",
)  # fmt: skip
PROCESS_STEPS = (
    "handler.workers.process.channel:Channel.send", "handler.workers.process.channel:Channel.receive",
    "handler.workers.process.process_service:pack_job", "handler.workers.process.process_service:unpack_outcome",
    "handler.workers.process.process_service:ProcessService.predict",
    "handler.workers.process.process_service:ProcessService._call",
    "handler.workers.process.process_service:ProcessService.close",
    "handler.workers.process.child_process:ChildProcess.write_printed",
    "handler.workers.process.child_process:ChildProcess.close",
)  # fmt: skip


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that keep dying, as some steps make them, are replaced soon all the same."""
    monkeypatch.setattr(pool, "_DEATH_DELAYS", (0.01,))


@contextmanager
def failing(step: str, error: type[Exception], moment: Moment, times: int = 2) -> Iterator[None]:
    """Have a function raise in its first calls, before or after it has done its work."""
    module, _, path = step.partition(":")
    *owner, name = path.split(".")
    target = resolve_name(f"{module}:{'.'.join(owner)}") if owner else resolve_name(module)
    original: Callable[..., Any] = getattr(target, name)
    remaining, lock = [times], threading.Lock()

    def fail(*arguments: Any, **options: Any) -> Any:
        with lock:
            is_failing, remaining[0] = remaining[0] > 0, remaining[0] - 1
        result = original(*arguments, **options) if moment == "after" or not is_failing else None
        if is_failing:
            raise error(f"injected {moment} {step}")
        return result

    with patch.object(target, name, fail):
        yield


async def read_response(wire: RawConnection) -> bool:
    """Read a response to its end; returns whether the connection closes then."""
    line, headers = await wire.head()
    if "content-length" in headers:
        await wire.reader.readexactly(int(headers["content-length"]))
    else:
        await wire.reader.readuntil(b"0\r\n\r\n")
    return "200" not in line or headers.get("connection") == "close"


async def ask(endpoint: Endpoint, count: int) -> None:
    """Send requests over one connection, or over others when it is closed; fails when one is not answered."""
    wire = None
    for _ in range(count):
        wire = wire or await endpoint.connect()
        try:
            wire.send(REQUEST)
            is_closed = await asyncio.wait_for(read_response(wire), WAIT_SECONDS)
        except (asyncio.IncompleteReadError, ConnectionError):
            is_closed = True
        if is_closed:
            wire.writer.close()
            wire = None


async def ask_asgi(client: Client, count: int) -> None:
    """The same through ASGI, where an application that raises answers with 500."""
    for _ in range(count):
        await asyncio.wait_for(client.http.post("/predictions/m", content=b"x"), WAIT_SECONDS)


async def recover(client: Client) -> None:
    """Wait until a request succeeds again."""
    async with asyncio.timeout(WAIT_SECONDS):
        while (await client.http.post("/predictions/m", content=b"x")).status_code != 200:
            await asyncio.sleep(0.01)


@asynccontextmanager
async def server(
    store: Path, archive: MakeArchive, config: str, handler: str = HANDLER
) -> AsyncIterator[tuple[Client, Endpoint]]:
    """A model of two workers, and a port; afterwards it can be managed and unregistered."""
    archive(
        "m",
        HANDLER,
        config=f"minWorkers: 2\nmaxWorkers: 2\nbatchSize: 4\nmaxBatchDelay: 5\nresponseTimeout: 5\n{config}",
    )
    async with serving(store, "m.mar") as client, opened(client) as endpoint:
        await recover(client)
        yield client, endpoint
        await recover(client)
        version = client.application.registry.resolve("m")
        async with asyncio.timeout(WAIT_SECONDS):
            while not version.batcher.is_idle or version.pool.ready_count < 2:
                await asyncio.sleep(0.01)
        for path in ("/models", "/models/m", "/metrics"):
            assert (await client.http.get(path)).status_code == 200
        assert (await client.manage("DELETE", "/models/m")).status_code == 200


async def inject(
    client: Client, endpoint: Endpoint, steps: tuple[str, ...], error: type[Exception], moment: Moment
) -> None:
    """Let each step fail under load; each request is answered, and the next ones are served."""
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)  # callbacks are steps, too
    for step in steps:
        try:
            with failing(step, error, moment):
                await asyncio.gather(*(ask(endpoint, 6) for _ in range(5)), *(ask_asgi(client, 3) for _ in range(2)))
            await recover(client)
        except TimeoutError:
            pytest.fail(f"{error.__name__} {moment} {step}: a request is not answered")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("error", [RuntimeError, MemoryError])
async def test_requests_are_answered_whatever_fails(
    store: Path, archive: MakeArchive, error: type[Exception], moment: Moment
) -> None:
    async with server(store, archive, "isolation: thread\n") as (client, endpoint):
        version = client.application.registry.resolve("m")
        version._pacer._autotuner = Autotuner((True,))  # the event loop waits for quick batches whenever it may
        await inject(client, endpoint, STEPS, error, moment)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("moment", ["before", "after"])
async def test_requests_of_sequences_and_streams_are_answered_whatever_fails(
    store: Path, archive: MakeArchive, moment: Moment
) -> None:
    stateful = (
        "sequenceBatching: true\nsequenceMaxIdleMSec: 60000\nmaxNumSequence: 10000\nmaxSequenceJobQueueSize: 50\n"
    )
    async with server(store, archive, f"continuousBatching: true\n{stateful}", CONTINUES) as (client, endpoint):
        await inject(client, endpoint, SEQUENCE_STEPS, MemoryError, moment)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("moment", ["before", "after"])
async def test_requests_are_answered_whatever_fails_on_the_way_to_a_process(
    store: Path, archive: MakeArchive, moment: Moment
) -> None:
    async with server(store, archive, "isolation: process\n") as (client, endpoint):
        await inject(client, endpoint, PROCESS_STEPS, MemoryError, moment)


async def test_a_worker_whose_thread_cannot_start_is_started_later(store: Path, archive: MakeArchive) -> None:
    async with server(store, archive, "") as (client, endpoint):
        with failing("threading:Thread.start", RuntimeError, "before", times=3):
            text = {"content-type": "text/plain"}
            response = await client.http.post("/predictions/m", content=b"exit", headers=text)
            assert response.status_code == 500
            await ask(endpoint, 3)
            await recover(client)
