"""The server's configuration, as far as it concerns every model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from handler.batching.lock_contention import LockProbe
from handler.isolation.process.environ import Environment
from model_registry.memory_guard import MemoryGuard
from model_registry.tasks.loop_watch import LoopWatch

DEFAULT_TIMEOUT_SECONDS = 120
DEFAULT_MAX_BATCH_DELAY_MS = 100
JSON_MAX_BATCH_DELAY_MS = -10000
"""TorchServe's delay of a registration in JSON that names none: batches do not wait."""


@dataclass(frozen=True, slots=True)
class SequenceHeaders:
    """The names of the headers for a sequence's id, its first and its last request."""

    id: str = "ts_request_sequence_id"
    start: str = "ts_request_sequence_start"
    end: str = "ts_request_sequence_end"


@dataclass(frozen=True, slots=True)
class ServerDefaults:
    """The values in force for models that name none of their own, and what all handlers have in common."""

    batch_size: int = 1
    max_batch_delay: int | None = None
    """Milliseconds; None is TorchServe's default, which gives way to that of JSON registrations."""
    response_timeout: int = DEFAULT_TIMEOUT_SECONDS
    startup_timeout: int = DEFAULT_TIMEOUT_SECONDS
    workers: int = 0
    """Of a registration."""
    startup_workers: int = 1
    """Of a model loaded at start."""
    workers_are_given: bool = False
    """Whether the user has asked for these numbers."""
    job_queue_size: int = 100
    adaptive_batching: bool = True
    thread_tuning: bool = True
    loop_pacing: bool = True
    lock_detection: bool = True
    gpus: int = 0
    """The number of GPUs: other device ids do not count."""
    models: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    """The `models` setting: name -> version -> its configuration."""
    envelope: str | None = None
    default_handler: str | None = None
    decode: bool = True
    limit_max_image_pixels: bool = True
    allow_pickles: bool = True
    max_response_size: int = 6553500
    first_worker_id: int = 9000
    sequence_headers: SequenceHeaders = field(default_factory=SequenceHeaders)
    environment: Environment = field(default_factory=Environment)
    loop_watch: LoopWatch = field(default_factory=LoopWatch)
    lock_probe: LockProbe = field(default_factory=LockProbe)
    install_packages: bool = False
    memory_guard: MemoryGuard = field(default_factory=lambda: MemoryGuard(None))
    available_gpu_memory: Callable[[int], int | None] | None = None
    """Reads the bytes that are available on a GPU; None switches the check off."""
    keep_serialized_files: bool = True
    batches_requests: bool = True
    """Whether requests may share a batch. KServe's envelopes read the first one alone: each has its own instances."""
