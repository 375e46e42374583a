"""The metrics of one model version: events that are collected one by one, and counted together."""

from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

from handler.metrics.exposition import Update
from handler.metrics.marserve_metrics import MarserveSeries

K = TypeVar("K", bound=Hashable)
Times = tuple[str, float, float]
"""A successful prediction: its version label, seconds from arrival to answer, seconds in the queue."""


class ModelEvents(NamedTuple):
    """The events of one model version since they were counted last."""

    requests: int
    failures: Mapping[str, int]
    """By reason."""
    batch_sizes: Sequence[int]
    predictions: Sequence[Times]


class UpdateCache(dict[K, Update]):
    """Updates by key, each bound at its first use: a series shows only once it has a value, as TorchServe's do."""

    def __init__(self, bind: Callable[[K], Update]) -> None:
        super().__init__()
        self._bind = bind

    def __missing__(self, key: K) -> Update:
        update = self[key] = self._bind(key)
        return update


class ServerMetrics(Protocol):
    """The server's metrics, as the versions of its models see them."""

    writes_lines: bool
    has_extra: bool
    max_pending: int
    on_events: Callable[[tuple[str, str], ModelEvents], object] | None
    host: UpdateCache[str]

    def flush(self) -> None:
        """Count the collected events, and write the pending lines."""

    def bind(self, name: str, *values: str) -> Update:
        """The update of one series of the server."""

    def remove_version(self, version: "ModelMetrics") -> bool:
        """Forget a version."""


class ModelMetrics:
    """The metrics of one model version. All but `record_batch` and `record_load` belong to the event loop.

    A version label is "default", or the version where the request's path named one, as in TorchServe.
    """

    def __init__(self, metrics: ServerMetrics, name: str, version: str, series: MarserveSeries) -> None:
        self.key = (name, version)
        self._metrics = metrics
        self.series = series
        """marserve's own series of the version."""
        self._labels: list[str] = []
        self.record_request: Callable[[str], None] = self._labels.append
        """Adds the version label of a request that was accepted; explanations too."""
        self._failures: list[str] = []
        self.record_failure: Callable[[str], None] = self._failures.append
        """Adds the reason of a prediction that failed, one of few words, since each makes a series."""
        self._predictions: list[Times] = []
        self._batch_sizes: deque[int] = deque()
        self._requests = UpdateCache[str](lambda label: metrics.bind("ts_inference_requests_total", name, label))
        self._latency = UpdateCache[str](lambda label: metrics.bind("ts_inference_latency_microseconds", name, label))
        self._queue = UpdateCache[str](lambda label: metrics.bind("ts_queue_latency_microseconds", name, label))

    def __repr__(self) -> str:
        return f"<ModelMetrics of {'/'.join(self.key)}>"

    @property
    def has_extra(self) -> bool:
        """Whether marserve shows more of it than TorchServe does."""
        return self._metrics.has_extra

    def record_predictions(self, predictions: Sequence[Times]) -> None:
        """Add predictions that succeeded."""
        self._predictions += predictions
        if len(self._predictions) >= self._metrics.max_pending:
            self._metrics.flush()

    def record_load(self, worker_label: str, milliseconds: float) -> None:
        """A worker ("W-9000-ver_1.0") became ready after that time, which TorchServe counts as worker time too."""
        self._metrics.bind("WorkerLoadTime", worker_label, "Host")(milliseconds // 1)
        self._metrics.host["WorkerThreadTime"](milliseconds // 1)

    def record_batch(self, size: int, milliseconds: float) -> None:
        """A handler has served so many requests at once in that time."""
        self._batch_sizes.append(size)
        self._metrics.host["WorkerThreadTime"](milliseconds // 1)

    def count(self) -> None:
        """Count the collected events."""
        labels, failures = count_all(self._labels), count_all(self._failures)
        for label, count in labels.items():
            self._requests[label](count)
        for reason, count in failures.items():
            self.series.record_failures(reason, count)
        batch_sizes = [self._batch_sizes.popleft() for _ in range(len(self._batch_sizes))]
        if batch_sizes:
            self.series.record_batches(batch_sizes)
        predictions, self._predictions = self._predictions, []
        if predictions:
            self._count_predictions(predictions)
        if self._metrics.on_events is not None:
            self._metrics.on_events(self.key, ModelEvents(labels.total(), failures, batch_sizes, predictions))

    def watch(
        self, queue_depth: Callable[[], int], workers_ready: Callable[[], int], workers_abandoned: Callable[[], int]
    ) -> None:
        """Show gauges of marserve's that call these functions at each scrape."""
        self.series.watch(queue_depth, workers_ready, workers_abandoned)

    def record_drift(self, feature: str, statistic: str, value: float) -> None:
        """Set a statistic of drift in the last window."""
        self.series.record_drift(feature, statistic, value)

    def remove_drift(self) -> None:
        """Remove the statistics of drift."""
        self.series.remove_drift()

    def close(self) -> None:
        """Remove marserve's series of this version. TorchServe's stay: its counters outlive a model."""
        self.count()
        if self._metrics.remove_version(self):
            self.series.remove()

    def _count_predictions(self, predictions: Sequence[Times]) -> None:
        each = self._metrics.writes_lines
        for label, latency, queue in predictions if each else _sums(predictions):
            self._latency[label](latency * 1e6)
            self._queue[label](queue * 1e6)
        for _, _, queue in predictions if each else predictions[-1:]:
            self._metrics.host["QueueTime"](queue * 1e3 // 1)
        _, latencies, queues = zip(*predictions, strict=True)
        self.series.record_durations(latencies)
        self.series.record_waits(queues)


def count_all(events: list[K]) -> Counter[K]:
    """The number of each event; empties the list."""
    counts = Counter(events)
    events.clear()
    return counts


def _sums(predictions: Sequence[Times]) -> Iterator[Times]:
    """The times of each label added up, for counters whose single steps are not observed."""
    for label in {label for label, _, _ in predictions}:
        _, latencies, queues = zip(*(times for times in predictions if times[0] == label), strict=True)
        yield label, sum(latencies), sum(queues)
