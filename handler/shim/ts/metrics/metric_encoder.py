"""Metrics as JSON."""

import json

from ts.metrics.dimension import Dimension
from ts.metrics.metric import Metric


class MetricEncoder(json.JSONEncoder):
    """Encodes Metric and Dimension: `json.dumps(metrics, cls=MetricEncoder)`."""

    def default(self, obj):
        """A Metric or Dimension as a dict; TypeError for anything else."""
        return obj.to_dict() if isinstance(obj, (Metric, Dimension)) else super().default(obj)
