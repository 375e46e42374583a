"""The metrics of one worker, declared by a metrics file or on first use."""

import copy
import functools
import logging
import os

import yaml

import ts.metrics.metric_cache_errors as merrors
from ts.metrics.caching_metric import CachingMetric
from ts.metrics.metric_cache_abstract import MetricCacheAbstract
from ts.metrics.metric_type_enum import MetricTypes

logger = logging.getLogger(__name__)


class MetricsCacheYamlImpl(MetricCacheAbstract):
    """`context.metrics`.

    `config_file_path` is the path of a metrics file, or its content as a dict; it is read when the first metric is
    needed. `sink(name, value, unit, dimensions, metric_type, request_ids)` takes every update: dimensions as
    {name: value}, metric_type "counter", "gauge" or "histogram", request ids joined by commas. Without a sink updates
    are logged.
    """

    sink = None

    def __repr__(self):
        return f"<metrics of {self.model_name}: {', '.join(self.cache_keys())}>"

    def __deepcopy__(self, memo):
        # The sink belongs to the server: a copy of the cache shares it.
        memo[id(self.sink)] = self.sink
        twin = memo[id(self)] = object.__new__(type(self))
        vars(twin).update(copy.deepcopy(vars(self), memo))
        return twin

    @functools.cached_property
    def cache(self):
        """{MetricTypes: {name: metric}}."""
        declared = _model_metrics(self.config_file_path) if self.config_file_path else {}
        return {kind: self._declare(kind, declared.get(kind.value) or []) for kind in MetricTypes}

    def initialize_cache(self):
        """Read the metrics file anew, and now; raises one of `metric_cache_errors` where it is wrong."""
        vars(self).pop("cache", None)
        return self.cache

    def cache_keys(self):
        """The metrics as ["gauge:HandlerTime", ...]."""
        return [f"{kind.value}:{name}" for kind, metrics in self.cache.items() for name in metrics]

    def get_metric(self, metric_name, metric_type=MetricTypes.COUNTER):
        """The metric of that name and type; raises MetricsCacheKeyError where there is none."""
        _check(metric_name, str, "`metric_name` must be a str")
        _check(metric_type, MetricTypes, "`metric_type` must be a MetricTypes enum")
        try:
            return self.cache[metric_type][metric_name]
        except KeyError:
            raise merrors.MetricsCacheKeyError(
                f"Metric of type '{metric_type}' and name '{metric_name}' doesn't exist"
            ) from None

    def add_metric_to_cache(self, metric_name, unit, dimension_names=(), metric_type=MetricTypes.COUNTER):
        """Declare a metric; replaces one of the same name and type, with a warning.

        Raises MetricsCacheTypeError for a name or unit that is no str, dimension names that are no list, or a type that
        is no MetricTypes.
        """
        metric = self._make(metric_name, unit, dimension_names, metric_type)
        if self.cache[metric_type].get(metric_name):
            logger.warning("Overriding existing key %s:%s", metric_type, metric_name)
        self.cache[metric_type][metric_name] = metric
        return metric

    def tell_time(self, name, milliseconds):
        """Emit the gauge of a whole batch as `add_time` does, past the cache, which costs as much as a small batch."""
        if self.sink is None:
            self.add_time(name, milliseconds)
        else:
            dimensions = {"ModelName": self.model_name, "Level": "Model"}
            self.sink(name, milliseconds, "Milliseconds", dimensions, "gauge", self._get_req(None) or "")

    def _declare(self, kind, specs):
        try:
            metrics = [self._make(spec["name"], spec["unit"], spec["dimensions"], kind) for spec in specs]
        except KeyError as missing:
            raise merrors.MetricsCacheKeyError(f"Key not found in cache spec: {missing}") from None
        return {metric.metric_name: metric for metric in metrics}

    def _make(self, name, unit, dimension_names, kind):
        _check(name, str, "`metric_name` must be a str")
        _check(unit, str, "`unit` must be a str")
        names = dimension_names or []
        _check(names, list | tuple, "`dimension_names` should be a list of dimension name strings")
        _check(kind, MetricTypes, "`metric_type` must be a MetricTypes enum")
        metric = CachingMetric(name, unit, list(names), kind)
        metric.cache = self
        return metric


def _model_metrics(config):
    content = _read(config) if isinstance(config, (str, os.PathLike)) else config
    try:
        return content["model_metrics"] or {}
    except (KeyError, TypeError):
        raise merrors.MetricsCacheKeyError(f"'model_metrics' key not found in {config}") from None


def _read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return yaml.safe_load(file)
    except OSError as error:
        raise merrors.MetricsCacheIOError(f"{path}: {error}") from error
    except yaml.YAMLError as error:
        raise merrors.MetricsCachePyYamlError(f"{path}: {error}") from error


def _check(value, kind, complaint):
    if not isinstance(value, kind):
        raise merrors.MetricsCacheTypeError(complaint)
