"""The metrics of one server: TorchServe's families and marserve's, as Prometheus series or as lines of the logs."""

import math
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Literal, cast

from handler.metrics.exposition import Exposition, Update, ignore
from handler.metrics.families import Family, Kind, read_families
from handler.metrics.marserve_metrics import LOST_LINES, REFUSALS, STATE, MarserveSeries, declare_marserve_metrics
from handler.metrics.metric_log import LogKind, MetricLog
from handler.metrics.model_metrics import ModelEvents, ModelMetrics, UpdateCache, count_all
from handler.metrics.openmetrics import render_openmetrics
from handler.metrics.series import Series
from handler.metrics.system_metrics import SystemMetrics
from handler.metrics.text import log_line

Mode = Literal["prometheus", "log", "legacy"]
MAX_PENDING = 1000  # predictions that are recorded and not counted yet
MAX_PENDING_LINES = 100  # the same where each is some lines of a log, which take longer
_SINGLE_EVENTS = ("Requests2XX", "Requests4XX", "Requests5XX", "ts_inference_requests_total")
"""Counters of which TorchServe's logs have a line for each event."""
_LEGACY = ("ts_inference_requests_total", "ts_inference_latency_microseconds", "ts_queue_latency_microseconds")


class Metrics:
    """All metrics of one server.

    Any thread may update them, but `record_status` and most of ModelMetrics belong to the event loop: they only collect
    events, which are counted together by the next `flush` or scrape. The event loop flushes within a moment.

    `mode` is TorchServe's metrics_mode: "prometheus" shows all at /metrics, "log" writes a line for each update,
    "legacy" writes too, but shows three counters. `config` declares other families than TorchServe's own (ValueError
    where it is wrong). `auto_detect` admits what handlers send undeclared. `extra` adds marserve's families to those of
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
        self.max_pending = MAX_PENDING_LINES if self.writes_lines else MAX_PENDING
        self._auto_detect = auto_detect
        self._hostname = hostname or socket.gethostname()
        self._system = system
        families = read_families(config)
        self._server_families = families.server
        self._model_families = dict(families.model)
        self.declared = families.for_handlers()
        """The families that context.metrics.get_metric finds, in the form of a metrics file."""
        self._detecting = Lock()
        self._exposition = Exposition()
        self.on_events: Callable[[tuple[str, str], ModelEvents], object] | None = None
        """Called with name, version and their events whenever events are counted."""
        self.log = MetricLog()
        """The destination of lines in log and legacy mode."""
        self._statuses: list[int] = []
        self.record_status: Callable[[int], None] = self._statuses.append
        """Adds the status of an HTTP response; all but 2xx and 4xx count as 5xx, as in TorchServe."""
        self._emitted: dict[tuple[str, ...], Update] = {}
        self._versions: dict[tuple[str, str], ModelMetrics] = {}
        self.host = UpdateCache[str](lambda name: self.bind(name, "Host"))
        """The updates of the host's series."""
        for family in filter(self._is_shown, families):
            self._exposition.declare(family)
        self.has_extra = extra and mode == "prometheus"
        """Whether marserve's own families are shown."""
        if self.has_extra:
            declare_marserve_metrics(self._exposition)

    def __repr__(self) -> str:
        return f"<Metrics {self._mode}, {len(self._versions)} model versions>"

    def flush(self) -> None:
        """Count the collected events, and write the pending lines."""
        for version in list(self._versions.values()):
            version.count()
        for status, count in count_all(self._statuses).items():
            hundreds = status // 100
            self.host[f"Requests{hundreds if hundreds in (2, 4) else 5}XX"](count)
        self.log.flush()

    def watch_lost_lines(self, read: Callable[[], int]) -> None:
        """Show how many log lines were lost, by a function that is called at each scrape."""
        self._exposition.watch(LOST_LINES, (), read)

    def watch_state(self, *reads: Callable[[], float]) -> None:
        """Show age, lag and conflicts of a shared state, by functions that are called at each scrape."""
        for family, read in zip(STATE, reads, strict=True):
            self._exposition.watch(family, (), read)

    def record_refusals(self, reason: str, count: int) -> None:
        """Add connections and requests that were refused before they were answered."""
        self._exposition.bind(REFUSALS, (reason,))(count)

    def add_version(self, name: str, version: str) -> ModelMetrics:
        """The metrics of one model version, until they are closed."""
        series = MarserveSeries(self._exposition, name, version)
        made = self._versions[name, version] = ModelMetrics(self, name, version, series)
        return made

    def remove_version(self, version: ModelMetrics) -> bool:
        """Forget a version; False where a newer one of the same name and version has taken its place."""
        if self._versions.get(version.key) is not version:
            return False
        del self._versions[version.key]
        return True

    def emit(
        self, name: str, value: float, unit: str, dimensions: Mapping[str, str], metric_type: str, request_ids: str
    ) -> None:
        """Add a value that a handler sends through context.metrics; never raises.

        Only families declared for models are kept (all with auto_detect), under the type, unit and label names of their
        declaration. A value that is no finite number, or negative for a counter, is dropped, as in TorchServe.
        """
        try:
            amount = float(value)
        except (TypeError, ValueError, OverflowError):
            return
        if not math.isfinite(amount):
            return
        key = (name, *map(str, dimensions.values()))
        update = self._emitted.get(key)
        if update is not None:
            update(amount)
            return
        family = self._model_families.get(name) or self._detect(name, unit, dimensions, metric_type)
        if family is None or (family.kind == "counter" and amount < 0):
            return
        update = self._bind(family, (*key[1:], self._hostname), request_ids)
        update(amount)
        if family.kind != "counter" and self._is_shown(family):  # a line of the log would name this request for ever
            self._emitted[key] = update

    def observe_host(self) -> None:
        """Read CPU, memory, disk and GPUs now. In Prometheus mode `expose` does so by itself when it is time."""
        for reading in self._system.collect() if self._system else ():
            update = self.bind(reading.name, "Host", reading.device) if reading.device else self.host[reading.name]
            update(reading.value)

    def expose(self, names: Sequence[str] = (), *, is_openmetrics: bool = False) -> bytes:
        """All families in Prometheus' text format 0.0.4 or OpenMetrics, or the samples with these names alone."""
        self.flush()
        if self._mode == "prometheus" and self._system and self._system.is_due():
            self.observe_host()
        return (render_openmetrics if is_openmetrics else Exposition.render)(self._exposition, names)

    def families(self) -> Iterator[tuple[Family, list[tuple[tuple[str, ...], Series]]]]:
        """The families that are shown, with their series."""
        return self._exposition.families()

    def bind(self, name: str, *values: str) -> Update:
        """The update of one series of the server: its label values without the host's name, which is added."""
        family = self._server_families.get(name)
        return self._bind(family, (*values, self._hostname)) if family else ignore

    def _bind(self, family: Family, values: tuple[str, ...], request_ids: str | None = None) -> Update:
        if self._is_shown(family):
            return self._exposition.bind(family, values)
        if len(values) != len(family.labels):
            return ignore
        line = log_line(family, values, request_ids)
        if family.name in _SINGLE_EVENTS:
            return lambda count: self.log.write("ts", line(1), int(count))
        kind: LogKind = "ts" if request_ids is None else "model"
        return lambda value: self.log.write(kind, line(value))

    def _is_shown(self, family: Family) -> bool:
        return self._mode == "prometheus" or (self._mode == "legacy" and family.name in _LEGACY)

    def _detect(self, name: str, unit: str, dimensions: Mapping[str, str], metric_type: str) -> Family | None:
        """Declare a family after the first metric of its name, if that is wanted and Prometheus allows it."""
        if not self._auto_detect:
            return None
        with self._detecting, suppress(ValueError):
            if name not in self._model_families:
                family = Family(name, cast("Kind", metric_type.lower()), unit, (*map(str, dimensions), "Hostname"))
                if self._is_shown(family):
                    self._exposition.declare(family)
                self._model_families[name] = family
        return self._model_families.get(name)
