"""The types of metrics."""

import enum


class MetricTypes(enum.Enum):
    """The meaning of a metric's values: an amount to add, a state, or a sample of a distribution."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
