"""The names that handlers import from TorchServe's service module."""

import logging

from ts.context import Context, RequestProcessor
from ts.utils.util import PredictionException, get_yaml_config

__all__ = ["PREDICTION_METRIC", "Context", "PredictionException", "RequestProcessor", "emit_metrics", "get_yaml_config"]

PREDICTION_METRIC = "PredictionTime"
logger = logging.getLogger(__name__)


def emit_metrics(metrics):
    """Log each metric of a MetricsStore's `store`; None counts as empty."""
    for metric in metrics or ():
        logger.info("[METRICS]%s", metric)
