"""Where every metric ends: TorchServe's families and our own, as Prometheus series or as lines of the metrics logs."""

import math
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Literal, TypeVar, cast

from handler.metrics.exposition import Bound, Exposition, Update, nothing
from handler.metrics.families import Family, Kind, read_families
from handler.metrics.marserve_metrics import OwnSeries, declare_own
from handler.metrics.metric_log import Kind as LogKind
from handler.metrics.metric_log import MetricLog
from handler.metrics.system_metrics import SystemMetrics
from handler.metrics.text import log_line

_T = TypeVar("_T")
Mode = Literal["prometheus", "log", "legacy"]
MOST_COUNTED = 1000
"""Answers from which on what was noted is counted."""
MOST_WRITTEN = 100
"""The same where each is some lines of a log: whoever asks meanwhile waits for all of them."""
Times = tuple[str, float, float]
"""A successful prediction: its version label, seconds from arrival to answer, seconds in the queue."""
_COUNTS = ("Requests2XX", "Requests4XX", "Requests5XX", "ts_inference_requests_total")
"""Counters of single events: TorchServe writes a line for each of them."""
_LEGACY = ("ts_inference_requests_total", "ts_inference_latency_microseconds", "ts_queue_latency_microseconds")


class Metrics:
    """All metrics of one server; any thread may update them, but `response` and what models are `accepted` and
    `answered` belong to one: these are only noted, and counted together at the next `flush` or scrape. Whoever notes
    has a flush done within a moment.

    `mode` is TorchServe's metrics_mode: "prometheus" shows all at /metrics, "log" writes a line for each update,
    "legacy" writes too, but shows three counters. `config` declares other families than TorchServe's own (ValueError
    where it is wrong). `auto_detect` admits what handlers send undeclared. `extra` adds our own families to those of
    Prometheus. `system` reads the host; without it (disable_system_metrics) its gauges stay empty.
    """

    def __init__(
        self,
        mode: Mode = "prometheus",
        config: Path | None = None,
        auto_detect: bool = False,
        extra: bool = True,
        hostname: str | None = None,
        system: SystemMetrics | None = None,
    ) -> None:
        self._mode = mode
        self.writes_lines = mode != "prometheus"
        """Whether each update is a line of a log."""
        self.most_noted = MOST_WRITTEN if self.writes_lines else MOST_COUNTED
        self._auto_detect = auto_detect
        self._hostname = hostname or socket.gethostname()
        self._system = system
        families = read_families(config)
        self._of_server = families.server
        self._of_models = dict(families.model)
        self.declared = families.for_handlers()
        """What context.metrics.get_metric finds, in the form of a metrics file."""
        self._detecting = Lock()
        self._exposition = Exposition()
        self.log = MetricLog()
        """Where lines go in log and legacy mode."""
        self._statuses: list[int] = []
        self.response: Callable[[int], None] = self._statuses.append
        """Notes the status of an HTTP answer; what is neither 2xx nor 4xx counts as 5xx, as TorchServe does."""
        self._emitted: dict[tuple[str, ...], Update] = {}
        self._models: dict[tuple[str, str], ModelMetrics] = {}
        self._host = Bound[str](lambda name: self.series(name, "Host"))
        self._classes = Bound[int](lambda hundreds: self._host[f"Requests{hundreds if hundreds in (2, 4) else 5}XX"])
        for family in filter(self._shown, families):
            self._exposition.declare(family)
        if extra and mode == "prometheus":
            declare_own(self._exposition)

    def __repr__(self) -> str:
        return f"<Metrics {self._mode}, {len(self._models)} model versions>"

    def flush(self) -> None:
        """Count what was noted, and write the lines that wait."""
        for model in (*self._models.values(),):
            model.count()
        for status, count in _taken(self._statuses).items():
            self._classes[status // 100](count)
        self.log.flush()

    def model(self, name: str, version: str) -> "ModelMetrics":
        """The metrics of one model version, until it is closed."""
        own = OwnSeries(self._exposition, name, version)
        made = self._models[name, version] = ModelMetrics(self, name, version, own)
        return made

    def forget(self, model: "ModelMetrics") -> bool:
        """Let go of a version; False where a newer one of the same name and version has taken its place."""
        if self._models.get(model.key) is not model:
            return False
        del self._models[model.key]
        return True

    def worker_loaded(self, worker_name: str, milliseconds: float) -> None:
        """A worker ("W-9000-ver_1.0") became ready after that time."""
        self.series("WorkerLoadTime", worker_name, "Host")(milliseconds // 1)

    def worker_turn(self, milliseconds: float) -> None:
        """A worker took that time from one batch to the next; its load is a turn too."""
        self._host["WorkerThreadTime"](milliseconds // 1)

    def waited(self, milliseconds: float) -> None:
        """The last request was that long in the queue; whole milliseconds, as TorchServe counts."""
        self._host["QueueTime"](milliseconds // 1)

    def emit(
        self, name: str, value: float, unit: str, dimensions: Mapping[str, str], metric_type: str, request_ids: str
    ) -> None:
        """Take what a handler sends through context.metrics; never raises.

        Only families declared for models are kept (all with auto_detect), under the type, unit and label names of their
        declaration. What is no finite number, or negative for a counter, is dropped, as TorchServe does.
        """
        amount = _amount(value)
        if amount is None:
            return
        key = (name, *map(str, dimensions.values()))
        update = self._emitted.get(key)
        if update is not None:
            update(amount)
            return
        family = self._of_models.get(name) or self._detect(name, unit, dimensions, metric_type)
        if family is None or (family.kind == "counter" and amount < 0):
            return
        update = self._update(family, (*key[1:], self._hostname), request_ids)
        update(amount)
        if family.kind != "counter" and self._shown(family):  # a line of the log would name this request for ever
            self._emitted[key] = update

    def observe_host(self) -> None:
        """Read CPU, memory, disk and GPUs now. In Prometheus mode `expose` does so by itself when it is time."""
        for reading in self._system.collect() if self._system else ():
            update = self.series(reading.name, "Host", reading.device) if reading.device else self._host[reading.name]
            update(reading.value)

    def expose(self, names: Sequence[str] = ()) -> bytes:
        """All families in Prometheus' text format 0.0.4, or the samples with these names alone; empty in log mode."""
        self.flush()
        if self._mode == "prometheus" and self._system and self._system.due():
            self.observe_host()
        return self._exposition.render(names)

    def series(self, name: str, *values: str) -> Update:
        """The update of one series of the server: its label values without the host's name, which is added."""
        family = self._of_server.get(name)
        return self._update(family, (*values, self._hostname)) if family else nothing

    def _update(self, family: Family, values: tuple[str, ...], request_ids: str | None = None) -> Update:
        if self._shown(family):
            return self._exposition.bind(family, values)

        if len(values) != len(family.labels):
            return nothing
        line = log_line(family, values, request_ids)
        if family.name in _COUNTS:
            return lambda count: self.log.write("ts", line(1), int(count))
        kind: LogKind = "ts" if request_ids is None else "model"
        return lambda value: self.log.write(kind, line(value))

    def _shown(self, family: Family) -> bool:
        return self._mode == "prometheus" or (self._mode == "legacy" and family.name in _LEGACY)

    def _detect(self, name: str, unit: str, dimensions: Mapping[str, str], metric_type: str) -> Family | None:
        """Declare a family after the first metric of its name, if that is wanted and Prometheus can bear it."""
        if not self._auto_detect:
            return None
        with self._detecting, suppress(ValueError):
            if name not in self._of_models:
                family = Family(name, cast("Kind", metric_type.lower()), unit, (*map(str, dimensions), "Hostname"))
                if self._shown(family):
                    self._exposition.declare(family)
                self._of_models[name] = family
        return self._of_models.get(name)


class ModelMetrics:
    """The metrics of one model version, its series bound once.

    A `version_label` is "default", or the version where the request's path named one, as TorchServe does.
    """

    def __init__(self, metrics: Metrics, name: str, version: str, own: OwnSeries) -> None:
        self.key = (name, version)
        self._metrics = metrics
        self._own = own
        self._labels: list[str] = []
        self.accepted: Callable[[str], None] = self._labels.append
        """Notes the version label of a request that was taken in; explanations too."""
        self._answered: list[Times] = []
        self._requests = Bound[str](lambda label: metrics.series("ts_inference_requests_total", name, label))
        self._latency = Bound[str](lambda label: metrics.series("ts_inference_latency_microseconds", name, label))
        self._queue = Bound[str](lambda label: metrics.series("ts_queue_latency_microseconds", name, label))

    def __repr__(self) -> str:
        return f"<ModelMetrics of {'/'.join(self.key)}>"

    def answered(self, predictions: Sequence[Times]) -> None:
        """Note predictions that succeeded. Not for failures."""
        self._answered += predictions
        if len(self._answered) >= self._metrics.most_noted:
            self._metrics.flush()

    def count(self) -> None:
        """Count what was noted."""
        for label, count in _taken(self._labels).items():
            self._requests[label](count)
        answered, self._answered = self._answered, []
        if not answered:
            return
        for label, latency, queue in answered if self._metrics.writes_lines else _sums(answered):
            self._latency[label](latency * 1e6)
            self._queue[label](queue * 1e6)
        for _, _, queue in answered if self._metrics.writes_lines else answered[-1:]:
            self._metrics.waited(queue * 1e3)
        _, latencies, queues = zip(*answered, strict=True)
        self._own.answered(latencies, queues)

    def batch(self, size: int) -> None:
        """A handler was given so many requests at once."""
        self._own.batch(size)

    def failed(self, reason: str) -> None:
        """A prediction failed; `reason` is one of few words, since each makes a series."""
        self._own.failures[reason](1)

    def watch(
        self, queue_depth: Callable[[], int], workers_ready: Callable[[], int], workers_abandoned: Callable[[], int]
    ) -> None:
        """Show gauges of ours that call these functions at each scrape."""
        self._own.watch(queue_depth, workers_ready, workers_abandoned)

    def close(self) -> None:
        """Take our series of this version away. TorchServe's stay: its counters outlive a model."""
        self.count()
        if self._metrics.forget(self):
            self._own.forget()


def _taken(noted: list[_T]) -> Counter[_T]:
    """How often each was noted; none of them is any more."""
    counts = Counter(noted)
    noted.clear()
    return counts


def _sums(answered: Sequence[Times]) -> Iterator[Times]:
    """The times of each label added up, for counters that nobody sees count."""
    for label in {label for label, _, _ in answered}:
        _, latencies, queues = zip(*(times for times in answered if times[0] == label), strict=True)
        yield label, sum(latencies), sum(queues)


def _amount(value: object) -> float | None:
    try:
        amount = float(cast("float", value))
    except (TypeError, ValueError):
        return None
    return amount if math.isfinite(amount) else None
