"""A single measurement, as a MetricsStore keeps it: the way of older releases."""

import socket
import time

from ts.metrics.caching_metric import CachingMetric
from ts.metrics.metric_abstract import MetricUnit
from ts.metrics.metric_type_enum import MetricTypes


class Metric:
    """A value with its name, unit and Dimensions."""

    metric_type = MetricTypes.COUNTER

    def __init__(self, name, value, unit, dimensions, request_id=None, metric_method=None):
        self.name = name
        self.value = value
        self.unit = MetricUnit.units.get(unit, unit)
        self.dimensions = dimensions
        self.request_id = request_id
        self.metric_method = metric_method

    def __repr__(self):
        return f"<Metric {self}>"

    def __str__(self):
        dimensions = ",".join(map(str, self.dimensions))
        request = f",{self.request_id}" if self.request_id else ""
        origin = f"#hostname:{socket.gethostname()},{int(time.time())}{request}"
        return f"{self.name}.{self.unit}:{self.value}|#{dimensions}|{origin}"

    def update(self, value):
        """Log another value of this metric; as in TorchServe the first one is kept."""
        names = [dimension.name for dimension in self.dimensions]
        values = [dimension.value for dimension in self.dimensions]
        CachingMetric(self.name, self.unit, names, self.metric_type).add_or_update(value, values, self.request_id or "")

    def reset(self):
        """Log a zero."""
        self.update(0)

    def to_dict(self):
        """The metric as TorchServe's JSON has it, with the time of this call in seconds."""
        return {
            "MetricName": self.name,
            "Value": self.value,
            "Unit": self.unit,
            "Dimensions": self.dimensions,
            "Timestamp": int(time.time()),
            "HostName": socket.gethostname(),
            "RequestId": self.request_id,
        }
