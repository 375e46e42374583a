"""The base of all metrics."""

import abc

from ts.metrics.metric_type_enum import MetricTypes
from ts.metrics.unit import Units

MetricUnit = Units()


class MetricAbstract(abc.ABC):
    """A metric's name, unit, dimension names and type."""

    def __init__(self, metric_name, unit, dimension_names=None, metric_type=MetricTypes.COUNTER):
        self.metric_name = metric_name
        self.unit = MetricUnit.units.get(unit, unit)
        self.dimension_names = dimension_names or []
        self.metric_type = metric_type

    def __repr__(self):
        return f"<{self.metric_type.value} {self.metric_name} in {self.unit}, by {', '.join(self.dimension_names)}>"

    @abc.abstractmethod
    def add_or_update(self, value, dimension_values, request_id=""):
        """Emit a value for these dimension values."""
