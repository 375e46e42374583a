"""The archive's handler without a server: called in loops with full batches, an upper limit for any server."""

import importlib
import itertools
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import orjson
import yaml

from handler.devices.allocator import disable_malloc_trim
from signflow.archive import FOLDER

from .load_generator import WARM_UP_SECONDS, Body, Measurement


def measure_in_process(bodies: Sequence[Body], batch: int, threads: int, seconds: float) -> Measurement:
    """Threads with a handler each, which gets batches of that size, made of the bodies.

    As in marserve, JSON is parsed by orjson, bytes are copied, and freed memory is kept.
    """
    disable_malloc_trim()
    handlers = [_load_handler() for _ in range(threads)]
    start = time.perf_counter() + WARM_UP_SECONDS / 2
    with ThreadPoolExecutor(threads) as pool:
        runs = list(pool.map(lambda handler: _run_loop(handler, bodies, batch, start, seconds), handlers))
    latencies = [latency for run, _ in runs for latency in run]
    spent = sum(seconds for _, seconds in runs)
    return Measurement(seconds, latencies, answers=len(latencies), cpu=spent / max(1, len(latencies)))


def _run_loop(
    handler: Any, bodies: Sequence[Body], batch: int, start: float, seconds: float
) -> tuple[list[float], float]:
    """The latency of each answer, equal within a batch, and the processor's seconds."""
    rows = ({"body": _decode(*body)} for body in itertools.cycle(bodies))
    latencies: list[float] = []
    started, working = time.perf_counter(), time.thread_time()
    while started < start + seconds:
        answers = handler.handle(list(itertools.islice(rows, batch)), CONTEXT)
        ended = time.perf_counter()
        if started >= start:
            latencies += [ended - started] * len(answers)
        else:
            working = time.thread_time()
        started = ended
    return latencies, time.thread_time() - working


def _decode(content_type: str, body: bytes) -> Any:
    return orjson.loads(body) if content_type == "application/json" else bytearray(body)


def _load_handler() -> Any:
    """A new handler, imported as in an archive, whose files import each other without dots."""
    sys.path.insert(0, str(FOLDER))
    try:
        handler = importlib.import_module("onnx_handler").OnnxSignFlowHandler()
        handler.initialize(CONTEXT)
    finally:
        sys.path.remove(str(FOLDER))
    return handler


CONTEXT = SimpleNamespace(
    system_properties={"model_dir": str(FOLDER), "gpu_id": None, "batch_size": 1},
    manifest={"model": {"serializedFile": "transformer.onnx"}},
    model_yaml_config=yaml.safe_load((FOLDER / "model-config.yaml").read_text()),
)
