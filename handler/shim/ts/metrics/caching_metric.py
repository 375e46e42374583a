"""A metric that emits each update at once: to the server, or as a line of the log."""

import logging
import socket
import time

from ts.metrics.metric_abstract import MetricAbstract
from ts.metrics.metric_type_enum import MetricTypes

logger = logging.getLogger(__name__)


class CachingMetric(MetricAbstract):
    """A metric as handlers keep and update it.

    `cache` is the MetricsCacheYamlImpl that it belongs to, and with it the server's sink; None for a metric of its own,
    which logs.
    """

    cache = None

    def add_or_update(self, value, dimension_values=(), request_id=""):
        """Emit `value` for these dimension values, in the order of `dimension_names`.

        The wrong number of dimension values, or a negative counter, logs an error and is dropped: metrics never fail a
        prediction.
        """
        dimensions = {}
        try:
            dimensions = self._dimensions(dimension_values)
            self._check(value)
        except ValueError as error:
            logger.error(
                "[METRICS]Failed to update metric with name:%s and dimensions: %s with value: %s: %s",
                self.metric_name,
                _text(dimensions),
                value,
                error,
            )
        else:
            self.emit_metrics(request_id, value, dimensions)

    def update(self, value, request_id="", dimensions=()):
        """Emit `value` with the Dimensions given, which become the metric's own: the way of older releases."""
        logger.warning("Overriding existing dimensions")
        self.dimension_names = [dimension.name for dimension in dimensions]
        self.add_or_update(value, [dimension.value for dimension in dimensions], request_id)

    def emit_metrics(self, request_id, value, dimensions):
        """Give an update to the server's sink, or log it as TorchServe does; `dimensions` are {name: value}."""
        sink = getattr(self.cache, "sink", None)
        kind = self.metric_type.value
        if sink is not None:
            sink(self.metric_name, value, self.unit, dimensions, kind, request_id or "")
            return
        origin = f"#hostname:{socket.gethostname()},{int(time.time())}" + (f",{request_id}" if request_id else "")
        logger.info(
            "[METRICS]%s.%s:%s|#%s|#type:%s|%s",
            self.metric_name,
            self.unit,
            value,
            _text(dimensions),
            kind.upper(),
            origin,
        )

    def _dimensions(self, values):
        if len(values) != len(self.dimension_names):
            raise ValueError(
                f"Dimension values: {list(values)} should correspond to Dimension names: {self.dimension_names}"
            )
        return {name: str(value) for name, value in zip(self.dimension_names, values, strict=True)}

    def _check(self, value):
        if self.metric_type is MetricTypes.COUNTER and value < 0:
            raise ValueError("Counter metric update value cannot be negative")


def _text(dimensions):
    return ",".join(f"{name}:{value}" for name, value in dimensions.items())
