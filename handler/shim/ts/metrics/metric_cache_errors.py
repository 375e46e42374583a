"""Errors of a metrics file or a metric; each is also the built-in error that it resembles."""

import yaml


class GeneralMetricsCacheError(Exception):
    """Something else went wrong."""

    def __init__(self, message):
        super().__init__(f"Generic error: {message}")


class MetricsCacheIOError(IOError):
    """The metrics file cannot be read."""

    def __init__(self, message):
        super().__init__(f"Error reading file: {message}")


class MetricsCachePyYamlError(yaml.YAMLError):
    """The metrics file is no YAML."""

    def __init__(self, message):
        super().__init__(f"Error parsing file: {message}")


class MetricsCacheTypeError(TypeError):
    """A metric's name, unit, dimensions or type is of the wrong kind."""


class MetricsCacheValueError(ValueError):
    """A metric's unit does not fit the method that adds it."""


class MetricsCacheKeyError(KeyError):
    """No such metric, or a key is missing in the metrics file."""
