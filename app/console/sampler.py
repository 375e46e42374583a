"""Samples of a running server: rates, latencies, batches, queues, workers, traffic and memory."""

from collections import defaultdict
from time import monotonic, time
from typing import Any

from app.console.event_window import EventWindow
from app.model_server import ModelServer
from handler.devices.cgroup import memory_limit
from handler.metrics.model_metrics import ModelEvents
from handler.metrics.system_metrics import SystemMetrics
from handler.workers.worker import Worker
from model_registry.memory_guard import resident_bytes
from model_registry.model import Model
from model_registry.served_version import ServedVersion
from model_registry.version import ModelVersion

MAX_MODELS = 200
MAX_DRIFT_FEATURES = 5
MIN_SECONDS = 0.001  # between two samples, as a divisor


class Sampler:
    """Observes a server's events from `start` to `stop`, on its event loop."""

    def __init__(self, server: ModelServer) -> None:
        self._server = server
        self._windows: dict[tuple[str, str], EventWindow] = defaultdict(EventWindow)
        self._sampled_at = monotonic()
        self._system = SystemMetrics()

    def __repr__(self) -> str:
        return f"<Sampler of {len(self._windows)} versions>"

    def start(self) -> None:
        """Observe events from now on."""
        self._server.metrics.flush()  # events of before do not belong to the first sample
        self._server.metrics.on_events = self._observe
        self._sampled_at = monotonic()

    def stop(self) -> None:
        """Observe no more."""
        self._server.metrics.on_events = None

    def sample(self) -> dict[str, Any]:
        """The server now, with rates since the last sample."""
        self._server.metrics.flush()
        now = monotonic()
        seconds, self._sampled_at = max(MIN_SECONDS, now - self._sampled_at), now
        models, following = self._server.registry.page(0, MAX_MODELS)
        described = [self._describe_model(model, seconds) for model in models]
        self._forget_closed()
        return {
            "time": time(),
            "seconds": seconds,
            "models": described,
            "hasMore": following is not None,
            "host": {reading.name + reading.device: reading.value for reading in self._system.collect()},
            "memory": {"resident": resident_bytes(*self._process_ids()), "limit": memory_limit()},
            "isReady": self._server.registry.is_ready,
        }

    def _observe(self, key: tuple[str, str], events: ModelEvents) -> None:
        self._windows[key].add(events)

    def _forget_closed(self) -> None:
        served = {(version.name, version.version) for version in self._server.registry.versions()}
        for key in self._windows.keys() - served:
            del self._windows[key]

    def _process_ids(self) -> list[str]:
        """The processes of the workers that have one of their own."""
        workers = (worker for version in self._server.registry.versions() for worker in version.pool.workers)
        return sorted({str(worker.pid) for worker in workers if worker.spec.in_process and worker.pid})

    def _describe_model(self, model: Model, seconds: float) -> dict[str, Any]:
        traffic = model.traffic
        return {
            "name": model.name,
            "default": model.default,
            "role": model.role,
            "rules": None if traffic is None else traffic.rules.to_json(),
            "shadow": None if traffic is None or traffic.mirror is None else traffic.mirror.describe(),
            "rollout": None if traffic is None or traffic.rollout is None else traffic.rollout.describe(),
            "versions": [self._describe_version(version, seconds) for version in model.versions.values()],
        }

    def _describe_version(self, version: ServedVersion, seconds: float) -> dict[str, Any]:
        return {
            "version": version.version,
            "isHealthy": version.is_healthy,
            "batchSize": version.batcher.batch_size,
            "maxBatchDelay": version.config.max_batch_delay,
            "minWorkers": version.config.min_workers,
            "maxWorkers": version.config.max_workers,
            "queue": {"waiting": len(version.batcher), "capacity": version.batcher.capacity},
            "workers": [_describe_worker(worker) for worker in version.pool.workers],
            "abandoned": version.pool.abandoned_count,
            "drift": _describe_drift(version),
            **self._windows[version.name, version.version].sample(seconds),
        }


def _describe_worker(worker: Worker) -> dict[str, Any]:
    batch = worker.batch
    return {
        "id": worker.spec.number,
        "state": worker.state,
        "device": worker.spec.device.torch_name,
        "isolation": "process" if worker.spec.in_process else "thread",
        "pid": worker.pid,
        "jobs": 0 if batch is None else len(batch.jobs),
    }


def _describe_drift(version: ServedVersion) -> dict[str, Any] | None:
    """The features that drift most in the last window; None where drift is not watched."""
    monitor = version.drift if isinstance(version, ModelVersion) else None
    if monitor is None:
        return None
    scores = sorted(monitor.scores, key=lambda score: score.psi, reverse=True)
    return {
        "isCollecting": monitor.profile is None,
        "windows": monitor.windows,
        "samples": monitor.samples_in_window,
        "window": monitor.window,
        "features": [score.to_json() for score in scores[:MAX_DRIFT_FEATURES]],
    }
