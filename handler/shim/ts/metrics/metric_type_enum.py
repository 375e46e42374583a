"""The types of metrics."""

import enum


class MetricTypes(enum.Enum):
    """What a metric's values mean: an amount to add, a state, or a sample of a distribution."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
