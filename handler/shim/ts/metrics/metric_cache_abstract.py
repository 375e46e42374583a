"""`context.metrics` as handlers call it: one method for each kind of metric."""

import abc

import ts.metrics.metric_cache_errors as merrors
from ts.metrics.dimension import Dimension
from ts.metrics.metric_type_enum import MetricTypes


class MetricCacheAbstract(abc.ABC):
    """The metrics of one worker.

    `idx` is a row's index in the batch; None, and any other value, means all rows. `dimensions` are Dimensions;
    ModelName and Level are added to a copy of them. The names of a metric's dimensions are settled by its first use.
    """

    def __init__(self, config_file_path=None):
        self.config_file_path = config_file_path
        self.store = []
        # Not None, which is for errors: what a handler emits while it loads belongs to its model.
        self.request_ids = ""
        self.model_name = None

    def set_request_ids(self, request_ids):
        """Turn to the next batch: {row index: request id}, or one id."""
        self.request_ids = request_ids

    def add_metric(self, name, value, unit, idx=None, dimensions=(), metric_type=MetricTypes.COUNTER):
        """Emit a value of any unit and type."""
        request_id = self._get_req(idx)
        dimensions = self._add_default_dims(request_id, dimensions)
        metric = self._get_or_add_metric(name, unit, dimensions, metric_type)
        metric.add_or_update(value, [dimension.value for dimension in dimensions], request_id or "")

    def add_counter(self, name, value, idx=None, dimensions=()):
        """Add to a counter."""
        self.add_metric(name, value, "count", idx, dimensions, MetricTypes.COUNTER)

    def add_time(self, name, value, idx=None, unit="ms", dimensions=(), metric_type=MetricTypes.GAUGE):
        """Emit a time in "ms" or "s"; raises MetricsCacheValueError for another unit."""
        if unit not in ("ms", "s"):
            raise merrors.MetricsCacheValueError("the unit for a timed metric should be one of ['ms', 's']")
        self.add_metric(name, value, unit, idx, dimensions, metric_type)

    def add_size(self, name, value, idx=None, unit="MB", dimensions=(), metric_type=MetricTypes.GAUGE):
        """Emit a size in "MB", "kB", "GB" or "B"; raises MetricsCacheValueError for another unit."""
        if unit not in ("MB", "kB", "GB", "B"):
            raise merrors.MetricsCacheValueError("The unit for size based metric is one of ['MB','kB', 'GB', 'B']")
        self.add_metric(name, value, unit, idx, dimensions, metric_type)

    def add_percent(self, name, value, idx=None, dimensions=(), metric_type=MetricTypes.GAUGE):
        """Emit a percentage."""
        self.add_metric(name, value, "percent", idx, dimensions, metric_type)

    def add_error(self, name, value, dimensions=()):
        """Add to a counter of errors, which belongs to no request and no model: its Level is Error."""
        dimensions = self._add_default_dims(None, dimensions)
        metric = self._get_or_add_metric(name, "", dimensions, MetricTypes.COUNTER)
        metric.add_or_update(value, [dimension.value for dimension in dimensions])

    def _get_req(self, idx):
        if not isinstance(self.request_ids, dict):
            return self.request_ids
        return self.request_ids[idx] if idx in self.request_ids else ",".join(self.request_ids.values())

    def _add_default_dims(self, request_id, dimensions):
        names = [dimension.name for dimension in dimensions]
        defaults = {"Level": "Error"} if request_id is None else {"ModelName": self.model_name, "Level": "Model"}
        return [*dimensions, *(Dimension(name, value) for name, value in defaults.items() if name not in names)]

    def _get_or_add_metric(self, name, unit, dimensions, metric_type):
        try:
            return self.get_metric(name, metric_type)
        except merrors.MetricsCacheKeyError:
            return self.add_metric_to_cache(name, unit, [dimension.name for dimension in dimensions], metric_type)

    @abc.abstractmethod
    def initialize_cache(self):
        """Fill the cache with the metrics that are declared."""

    @abc.abstractmethod
    def get_metric(self, metric_name, metric_type=MetricTypes.COUNTER):
        """The metric of that name and type; raises MetricsCacheKeyError where there is none."""

    @abc.abstractmethod
    def add_metric_to_cache(self, metric_name, unit, dimension_names=(), metric_type=MetricTypes.COUNTER):
        """Declare a metric; replaces one of the same name and type, with a warning."""
