"""Counts and measures by every kind of custom metric, whether they are declared in the configuration or not."""

from ts.metrics.dimension import Dimension
from ts.metrics.metric_type_enum import MetricTypes


class Metered:
    def initialize(self, context):
        kinds = ["ModelName", "Kind"]
        self.own = context.metrics.add_metric_to_cache("SampleOwn", "count", kinds, MetricTypes.COUNTER)
        self.declared = self.find(context.metrics)

    def find(self, metrics):
        try:
            return metrics.get_metric("SampleDeclared", MetricTypes.GAUGE)
        except Exception:
            return None

    def handle(self, data, context):
        metrics = context.metrics
        metrics.add_counter("SampleCounter", 1)
        metrics.add_counter("SampleCounterByKind", 2, dimensions=[Dimension("Kind", "blue")])
        metrics.add_time("SampleTime", 12.5, unit="ms")
        metrics.add_size("SampleSize", 3, unit="MB")
        metrics.add_percent("SamplePercent", 42)
        metrics.add_error("SampleError", 1)
        metrics.add_metric("SampleGauge", 5, unit="count", metric_type=MetricTypes.GAUGE)
        metrics.add_metric("SampleHistogram", 0.3, unit="ms", metric_type=MetricTypes.HISTOGRAM)
        self.own.add_or_update(3, ["metered", "red"])
        if self.declared is not None:
            self.declared.add_or_update(9.5, ["metered", "Model"])
        return [{"declared": self.declared is not None} for _ in data]
