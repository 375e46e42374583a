"""The events of one model version while the console is open."""

from collections import Counter, deque
from collections.abc import Iterable
from itertools import chain
from typing import Any

from handler.metrics.model_metrics import ModelEvents, Times

WINDOW_SAMPLES = 10
"""Samples whose latencies the percentiles are of."""
MAX_SAMPLE_LATENCIES = 1000


class EventWindow:
    """Counts events between two samples, and keeps the latencies of the last samples."""

    def __init__(self) -> None:
        self._requests = 0
        self._failures: Counter[str] = Counter()
        self._batch_sizes: Counter[int] = Counter()
        self._predictions: list[Times] = []
        self._latencies: deque[list[float]] = deque(maxlen=WINDOW_SAMPLES)
        self._waits: deque[list[float]] = deque(maxlen=WINDOW_SAMPLES)

    def __repr__(self) -> str:
        return f"<EventWindow {self._requests} requests since the last sample>"

    def add(self, events: ModelEvents) -> None:
        """Add the events that were counted together."""
        self._requests += events.requests
        self._failures.update(events.failures)
        self._batch_sizes.update(events.batch_sizes)
        self._predictions += events.predictions

    def sample(self, seconds: float) -> dict[str, Any]:
        """The figures of the last `seconds`, and percentiles in milliseconds; starts the next sample."""
        step = len(self._predictions) // MAX_SAMPLE_LATENCIES + 1
        kept = self._predictions[::step]
        self._latencies.append([latency for _, latency, _ in kept])
        self._waits.append([wait for _, _, wait in kept])
        figures = {
            "requests": self._requests / seconds,
            "errors": self._failures.total() / seconds,
            "failures": dict(self._failures),
            "latency": percentiles(chain.from_iterable(self._latencies)),
            "wait": percentiles(chain.from_iterable(self._waits)),
            "batches": {str(size): count for size, count in sorted(self._batch_sizes.items())},
        }
        self._requests, self._predictions = 0, []
        self._failures, self._batch_sizes = Counter(), Counter()
        return figures


def percentiles(seconds: Iterable[float]) -> dict[str, float] | None:
    """p50, p95 and p99 in milliseconds; None without a value."""
    values = sorted(seconds)
    if not values:
        return None
    return {f"p{part}": round(1000 * values[(len(values) - 1) * part // 100], 3) for part in (50, 95, 99)}
