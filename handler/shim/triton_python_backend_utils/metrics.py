"""Metrics of models' own, which the server's metrics page shows."""

import threading
from bisect import bisect_left

_lock = threading.RLock()
_families = {}


class Metric:
    """One series of a family."""

    def __init__(self, family, labels, buckets=None):
        self._family = family
        self.labels = labels
        self.amount = 0.0
        self.buckets = [float(bound) for bound in buckets or ()]
        self.counts = [0] * (len(self.buckets) + 1)

    def increment(self, value):
        """Add to a counter or a gauge; a counter does not go down."""
        if self._family.kind == MetricFamily.HISTOGRAM:
            raise RuntimeError("increment is not supported by histograms")
        if self._family.kind == MetricFamily.COUNTER and value < 0:
            raise RuntimeError(
                "TRITONSERVER_METRIC_KIND_COUNTER can only be incremented monotonically by non-negative values."
            )
        with _lock:
            self.amount += value

    def set(self, value):
        if self._family.kind != MetricFamily.GAUGE:
            raise RuntimeError("set is only supported by gauges")
        self.amount = float(value)

    def observe(self, value):
        if self._family.kind != MetricFamily.HISTOGRAM:
            raise RuntimeError("observe is only supported by histograms")
        with _lock:
            self.amount += value
            self.counts[bisect_left(self.buckets, value)] += 1

    def value(self):
        return self.amount


class MetricFamily:
    """Metrics of one name and kind; made twice, a family or a metric is the same one."""

    COUNTER = 0
    GAUGE = 1
    HISTOGRAM = 2

    def __new__(cls, name, description, kind):
        with _lock:
            family = _families.get(name)
            if family is None:
                family = _families[name] = super().__new__(cls)
                family.name, family.description, family.kind = name, description, kind
                family.metrics = {}
            elif family.kind != kind:
                raise RuntimeError(f"metric family '{name}' is there already with another kind")
            return family

    def Metric(self, labels=None, buckets=None):
        if (self.kind == self.HISTOGRAM) != (buckets is not None):
            raise RuntimeError("buckets are needed for histograms, and allowed for nothing else")
        key = tuple(sorted((labels or {}).items()))
        with _lock:
            if key not in self.metrics:
                self.metrics[key] = Metric(self, dict(labels or {}), buckets)
            return self.metrics[key]


def families():
    """Every family with metrics, for the server's page."""
    with _lock:
        return [family for family in _families.values() if family.metrics]
