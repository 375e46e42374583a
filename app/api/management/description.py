"""The management API's description of a model version: its configuration, its workers, its queue."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from handler.job import Input, Output
from handler.workers.worker import Worker
from model_registry.errors import NoWorker, NoWorkerToDescribe
from model_registry.parsing import lenient_json
from model_registry.version import ModelVersion

Headers = Iterable[tuple[str, str]]
DESCRIBE = (("describe", "True"),)
"""The header that asks a handler to describe its model."""


def describe_version(version: ModelVersion, *, at_startup: bool) -> dict[str, Any]:
    """The description of one version, its members in TorchServe's order.

    Where marserve shows metrics of its own, the state of its controllers (docs/batching.md) follows.
    """
    config, manifest = version.config, version.archive.manifest
    return {
        "modelName": version.name,
        "modelVersion": version.version,
        "modelUrl": version.archive.url or None,
        "runtime": manifest.runtime,
        "minWorkers": max(0, config.min_workers),
        "maxWorkers": max(0, config.max_workers),
        "batchSize": config.batch_size,
        "maxBatchDelay": config.max_batch_delay,
        "responseTimeout": config.response_timeout,
        "startupTimeout": config.startup_timeout,
        "maxRetryTimeoutInSec": config.max_retry_timeout,
        "clientTimeoutInMills": config.client_timeout,
        "parallelType": config.parallel_type,
        "parallelLevel": config.parallel_level,
        "deviceType": config.device_type or _kind(version),
        "deviceIds": list(config.device_ids) or None,
        "continuousBatching": config.continuous_batching,
        "useJobTicket": config.use_job_ticket,
        "useVenv": config.use_venv,
        "stateful": config.stateful,
        "sequenceMaxIdleMSec": config.sequence_max_idle,
        "sequenceTimeoutMSec": config.sequence_timeout,
        "maxNumSequence": config.max_num_sequence,
        "maxSequenceJobQueueSize": config.max_sequence_job_queue_size,
        "loadedAtStartup": at_startup,
        "workers": [_describe_worker(worker) for worker in version.pool.workers],
        "jobQueueStatus": {
            "remainingCapacity": max(0, version.batcher.capacity - len(version.batcher)),
            "pendingRequests": len(version.batcher),
        },
        **({"batching": _describe_batching(version)} if version.metrics.has_extra else {}),
    }


async def customized_output(version: ModelVersion, headers: Headers, request_id: str, case_known: bool) -> Output:
    """The answer of the handler itself, when it is asked to describe the model. Raises NoWorkerToDescribe."""
    try:
        answer = await version.predict(Input((), headers, case_known), request_id, exclusive=True)
    except NoWorker as error:
        raise NoWorkerToDescribe(version.name) from error
    return answer if isinstance(answer, Output) else answer.first


def metadata_of(body: bytes) -> dict[str, Any] | None:
    """The JSON object of a description, read leniently; {} for anything else, None for an empty body."""
    if not body:
        return None
    try:
        value = lenient_json.loads(body.decode("utf-8", "replace"))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _kind(version: ModelVersion) -> str:
    return "gpu" if any(worker.spec.device.kind == "cuda" for worker in version.pool.workers) else "cpu"


def _describe_batching(version: ModelVersion) -> dict[str, Any]:
    return {
        "threads": version.batch_threads,
        "expectedRequests": version.batcher.expected_in_flight,
        "gathering": version.batcher.is_gathering,
        "loopPacing": version.is_pacing,
        "processes": version.process_count,
    }


def _describe_worker(worker: Worker) -> dict[str, Any]:
    gpu = worker.spec.device.kind == "cuda"
    started = datetime.fromtimestamp(worker.started_at, UTC)
    return {
        "id": str(worker.spec.number),
        "startTime": started.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "status": "READY" if worker.state == "ready" else "UNLOADING",
        "memoryUsage": 0,
        "pid": worker.pid,
        "gpu": gpu,
        "gpuUsage": f"gpuId::{worker.spec.device.gpu_id}" if gpu else "N/A",
    }
